//! Texts as Java's `toString` makes them, where they are part of the wire.

use std::fmt::Write as _;
use std::net::IpAddr;

/// `InetAddress.toString` of an address without a name: a slash, and IPv6 uncompressed.
pub fn address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("/{address}"),
        IpAddr::V6(address) => {
            let mut text = String::from("/");
            for (index, group) in address.segments().iter().enumerate() {
                let separator = if index == 0 { "" } else { ":" };
                // Writing to a String cannot fail.
                let _infallible = write!(text, "{separator}{group:x}");
            }
            text
        }
    }
}

/// `Date.toString` in the time zone of this machine, such as `Mon Nov 11 20:05:07 EST 2019`; `unix_ms` is in ms.
pub fn date(unix_ms: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds: libc::time_t = unix_ms.div_euclid(1000);
    // SAFETY: all-zero bytes are a valid `tm`: numbers and a null pointer.
    #[allow(unsafe_code)]
    let mut time: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call; `localtime_r` writes only to the second.
    #[allow(unsafe_code)]
    let is_set = unsafe { !libc::localtime_r(&raw const seconds, &raw mut time).is_null() };
    let zone = if is_set && !time.tm_zone.is_null() {
        // SAFETY: `localtime_r` points `tm_zone` at a string of the C library that lives as long as the process.
        #[allow(unsafe_code)]
        let zone = unsafe { std::ffi::CStr::from_ptr(time.tm_zone) };
        zone.to_string_lossy().into_owned()
    } else {
        "UTC".to_owned()
    };
    let name = |names: &'static [&'static str], index: libc::c_int| {
        usize::try_from(index)
            .ok()
            .and_then(|index| names.get(index))
            .copied()
            .unwrap_or("???")
    };
    format!(
        "{} {} {:02} {:02}:{:02}:{:02} {zone} {:04}",
        name(&DAYS, time.tm_wday),
        name(&MONTHS, time.tm_mon),
        time.tm_mday,
        time.tm_hour,
        time.tm_min,
        time.tm_sec,
        i64::from(time.tm_year) + 1900,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_begin_with_a_slash() {
        let text = |text: &str| address(text.parse().expect("an address"));
        assert_eq!(text("1.0.0.0"), "/1.0.0.0");
        assert_eq!(text("2001:db8::1"), "/2001:db8:0:0:0:0:0:1");
        assert_eq!(text("FE80::ABCD"), "/fe80:0:0:0:0:0:0:abcd");
    }

    #[test]
    fn dates_have_javas_form() {
        // The zone is this machine's; what does not depend on it is the same everywhere.
        let date = date(1_573_520_707_545);
        let parts: Vec<&str> = date.split(' ').collect();
        assert_eq!(parts.len(), 6, "{date}");
        assert!(matches!(parts[0], "Mon" | "Tue") && parts[1] == "Nov", "{date}");
        assert!(parts[3].ends_with(":07") && parts[5] == "2019", "{date}");
        if std::env::var_os("TZ").is_none_or(|zone| zone == "UTC") && parts[4] == "UTC" {
            assert_eq!(date, "Tue Nov 12 01:05:07 UTC 2019");
        }
    }
}
