//! The page as text: its type, and the selection by sample name.

use std::collections::HashSet;

/// Text format 0.0.4, spelled as Java Lavalink answers it.
pub const CONTENT_TYPE: &str = "text/plain;version=0.0.4;charset=utf-8";

/// The part of `page` whose samples are named in `names` (`name[]` of the query), with the header lines of their
/// families. A histogram's samples have the names `…_bucket`, `…_sum` and `…_count`.
pub fn only(page: &str, names: &HashSet<String>) -> String {
    let mut selected = String::new();
    let (mut header, mut is_header_written) = (String::new(), false);
    for line in page.lines() {
        if line.starts_with('#') {
            if line.starts_with("# HELP") || is_header_written {
                header.clear();
            }
            is_header_written = false;
            header.push_str(line);
            header.push('\n');
            continue;
        }
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        if names.contains(name) {
            if !is_header_written {
                selected.push_str(&header);
                is_header_written = true;
            }
            selected.push_str(line);
            selected.push('\n');
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_selected_with_their_headers() {
        let page = "# HELP a A.\n# TYPE a gauge\na 1\n# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n\
                    # HELP b B.\n# TYPE b gauge\nb{x=\"y\"} 1\nb{x=\"z\"} 2\n";
        let pick = |names: &[&str]| only(page, &names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(pick(&["a"]), "# HELP a A.\n# TYPE a gauge\na 1\n");
        assert_eq!(pick(&["h_sum"]), "# HELP h H.\n# TYPE h histogram\nh_sum 3\n");
        assert_eq!(
            pick(&["b", "nothing"]),
            "# HELP b B.\n# TYPE b gauge\nb{x=\"y\"} 1\nb{x=\"z\"} 2\n"
        );
        assert_eq!(pick(&["h"]), "");
    }
}
