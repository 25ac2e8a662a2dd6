//! Addresses of host names, kept for a moment: a plan needs them, and so does the connection made after it.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::egress::LookUp;

/// How long the addresses of a name are used.
const LIFETIME: Duration = Duration::from_secs(30);
/// Names remembered.
const MAX_NAMES: usize = 256;

/// See the module.
#[derive(Debug)]
pub(super) struct Names {
    source: Arc<dyn LookUp>,
    known: Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>,
}

impl Names {
    /// Remembers what `source` answers.
    pub(super) fn new(source: Arc<dyn LookUp>) -> Self {
        Self {
            source,
            known: Mutex::default(),
        }
    }

    /// All addresses of a host as it stands in a URL: a name, or an address, in brackets when it is IPv6.
    pub(super) async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let now = Instant::now();
        if let Some((until, addresses)) = self.known.lock().get(host)
            && *until > now
        {
            return Ok(addresses.clone());
        }
        let found = self.source.look_up(host).await?;
        let mut addresses: Vec<IpAddr> = found.iter().map(IpAddr::to_canonical).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let mut known = self.known.lock();
        if known.len() >= MAX_NAMES {
            known.retain(|_, (until, _)| *until > now);
        }
        if known.len() < MAX_NAMES {
            known.insert(host.to_owned(), (now + LIFETIME, addresses.clone()));
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_need_no_look_up_and_names_are_kept() {
        let names = Names::new(Arc::new(crate::SystemNames));
        assert_eq!(
            names.look_up("[::1]").await.unwrap(),
            ["::1".parse::<IpAddr>().unwrap()]
        );
        assert_eq!(names.look_up("1.2.3.4").await.unwrap().len(), 1);
        assert!(names.known.lock().is_empty());
        let found = names.look_up("localhost").await.unwrap();
        assert!(found.iter().any(IpAddr::is_loopback), "{found:?}");
        assert_eq!(names.known.lock()["localhost"].1, found);
    }
}
