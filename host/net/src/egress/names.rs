//! Look-ups of names whose answers pass the guard.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{EgressGuard, Refusal};

/// Where addresses of names come from.
pub trait LookUp: std::fmt::Debug + Send + Sync {
    /// All addresses of a name.
    fn look_up(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The system's names.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemNames;

impl LookUp for SystemNames {
    fn look_up(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let name = name.to_owned();
        async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        }
        .boxed()
    }
}

/// The resolver of a client: what it answers is connected to, so nothing the guard is against is answered.
#[derive(Debug, Clone)]
pub(crate) struct GuardedNames {
    pub(crate) names: Arc<dyn LookUp>,
    pub(crate) guard: Arc<EgressGuard>,
}

impl GuardedNames {
    async fn permitted(&self, name: &str) -> Result<Vec<IpAddr>, Failed> {
        let found = self.names.look_up(name).await.map_err(Failed::LookUp)?;
        self.guard.permitted(name, found).map_err(Failed::Refused)
    }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    LookUp(io::Error),
    #[error("refused: {0}")]
    Refused(#[source] Refusal),
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let permitted = names.permitted(name.as_str()).await?;
            let addresses = permitted.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}
