//! What a plugin may reach, in the HTTP client's terms.

use std::sync::Arc;

use lavalink_net::HostList;
use lavalink_plugins::Grants;

/// The hosts these grants name. A pattern the client cannot read grants nothing.
pub fn hosts_of(grants: &Grants) -> Arc<HostList> {
    let readable = |pattern: &&str| HostList::parse([*pattern]).is_ok();
    let patterns = grants.hosts.iter().map(String::as_str).filter(readable);
    // Cannot fail: each pattern has been read by itself.
    Arc::new(HostList::parse(patterns).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_grants_nothing() {
        let grants = Grants {
            hosts: vec!["*.1.2.3.4".to_owned(), "a.test".to_owned()],
            ..Grants::none()
        };
        assert_eq!(*hosts_of(&grants), HostList::parse(["a.test"]).unwrap());
        assert_eq!(*hosts_of(&Grants::none()), HostList::default());
    }
}
