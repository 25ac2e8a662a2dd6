//! Ports a request may go to.

use std::str::FromStr;

/// Services that listen from 1024 on, speak no HTTP worth fetching or obey whoever reaches them: SOCKS, SQL Server,
/// Oracle, NFS, ZooKeeper, Docker, etcd, Squid, MySQL, RDP, Erlang, PostgreSQL, CouchDB, VNC, X11, Redis, Kubernetes,
/// IRC, Cassandra, Consul, Vault, Elasticsearch, Kafka, memcached, MongoDB and their like.
const CLOSED: [u16; 50] = [
    1080, 1099, 1433, 1521, 1723, 2049, 2181, 2375, 2376, 2377, 2379, 2380, 3128, 3260, 3306, 3389, 4369,
    4444, 5432, 5555, 5672, 5900, 5984, 5985, 5986, 6000, 6379, 6380, 6443, 6660, 6667, 6697, 7000, 7001,
    8300, 8301, 8500, 8200, 9042, 9092, 9200, 9300, 10250, 10255, 11211, 15672, 25565, 26379, 27017, 27018,
];

/// Whether a port is open without any setting: HTTP's two, and from 1024 on what no well-known service uses. Radio
/// stations are found on all of them.
pub(super) fn is_open(port: u16) -> bool {
    matches!(port, 80 | 443) || (port >= 1024 && !CLOSED.contains(&port))
}

/// Ports from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// A text that is no range of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no port; write a number from 1 to 65535, or two with `-` between them")]
pub struct BadPorts(String);

impl PortRange {
    pub(super) fn holds(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = BadPorts;

    fn from_str(text: &str) -> Result<Self, BadPorts> {
        let bad = || BadPorts(text.chars().take(80).collect());
        let number = |text: &str| text.trim().parse().ok().filter(|port| *port > 0).ok_or_else(bad);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self {
            first: number(first)?,
            last: number(last)?,
        };
        if range.first > range.last {
            return Err(bad());
        }
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_and_radio_ports_are_open_and_services_are_not() {
        for port in [80, 443, 1024, 2333, 8000, 8080, 8443, 8888, 9000, 18_000, 65_535] {
            assert!(is_open(port), "{port}");
        }
        for port in [
            0, 22, 25, 110, 445, 1023, 2375, 3306, 5432, 6379, 9200, 11_211, 27_017,
        ] {
            assert!(!is_open(port), "{port}");
        }
    }

    #[test]
    fn ranges_are_read() {
        let range: PortRange = " 81 - 90 ".parse().unwrap();
        assert!(range.holds(81) && range.holds(90) && !range.holds(91));
        assert!("7".parse::<PortRange>().unwrap().holds(7));
        for bad in ["", "0", "a", "9-8", "1-2-3", "70000", "-5"] {
            assert!(bad.parse::<PortRange>().is_err(), "{bad}");
        }
    }
}
