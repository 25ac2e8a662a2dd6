//! The HTTP client every outgoing request of the node goes through.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Proxy};

use crate::egress::{EgressGuard, GuardedNames, LookUp, SystemNames};
use crate::outcomes::Outcomes;
use crate::redirect;
use crate::request::{Request, Route, host_of};
use crate::response::Response;
use crate::route::RoutePlanner;
use crate::routed::RoutedClient;
use crate::{HostList, NetError, Stage, tls};

/// Most hops followed when a request asks for it.
pub const MAX_REDIRECTS: usize = 5;

/// Most header fields of an answer.
pub(crate) const MAX_HEADER_FIELDS: usize = 256;

/// Idle connections kept per host; players of one CDN share them.
pub(crate) const MAX_IDLE_PER_HOST: usize = 8;

/// How long an idle connection is kept for the next request.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How the node reaches the outside.
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// Longest wait for name, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest wait for the head of an answer, and for each next piece of a body.
    pub read_timeout: Duration,
    /// All requests go through it when set, but for those the route planner routes.
    pub proxy: Option<ProxyConfig>,
    /// Routes the requests that ask for it.
    pub route_planner: Option<Arc<RoutePlanner>>,
    /// Which addresses may be connected to.
    pub egress: Arc<EgressGuard>,
    /// Where addresses of names come from.
    pub names: Arc<dyn LookUp>,
    /// Counts how requests end.
    pub outcomes: Arc<Outcomes>,
    /// `User-Agent` of requests that set none themselves.
    pub user_agent: String,
}

impl Default for NetConfig {
    /// 3 s each, as Lavalink's `timeouts` default to; no proxy, and nothing but public addresses.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_secs(3),
            proxy: None,
            route_planner: None,
            egress: Arc::default(),
            names: Arc::new(SystemNames),
            outcomes: Arc::default(),
            user_agent: concat!("lavalink-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// An HTTP proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyConfig {
    host: String,
    port: u16,
    credentials: Option<(String, String)>,
}

impl ProxyConfig {
    /// A proxy that asks for no credentials.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            credentials: None,
        }
    }

    /// The same proxy with basic authentication.
    #[must_use]
    pub fn with_credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    fn build(&self) -> Result<Proxy, NetError> {
        // An IPv6 literal needs brackets inside a URL.
        let host = if self.host.contains(':') && !self.host.starts_with('[') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let proxy = Proxy::all(format!("http://{host}:{}", self.port)).map_err(|_| NetError::Setup {
            reason: format!("proxy host {:?} is not a host name", self.host),
        })?;
        Ok(match &self.credentials {
            Some((user, password)) => proxy.basic_auth(user, password),
            None => proxy,
        })
    }
}

impl std::fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let credentials = self.credentials.as_ref().map(|_| "***");
        f.debug_struct("ProxyConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("credentials", &credentials)
            .finish()
    }
}

/// A pool of connections with the node's settings. Clones share it.
#[derive(Debug, Clone)]
pub struct HttpClient {
    direct: Client,
    egress: Arc<EgressGuard>,
    routed: Option<RoutedClient>,
    outcomes: Arc<Outcomes>,
    connect_timeout: Duration,
    read_timeout: Duration,
}

impl HttpClient {
    /// Makes the client; connects nowhere.
    ///
    /// # Errors
    /// [`NetError::Setup`] when proxy or user agent cannot be used.
    pub fn new(config: NetConfig) -> Result<Self, NetError> {
        let routed = match &config.route_planner {
            Some(planner) => Some(RoutedClient::new(&config, Arc::clone(planner))?),
            None => None,
        };
        Ok(Self {
            routed,
            outcomes: Arc::clone(&config.outcomes),
            egress: Arc::clone(&config.egress),
            direct: builder(&config)?.build().map_err(|error| NetError::Setup {
                reason: error.without_url().to_string(),
            })?,
            connect_timeout: config.connect_timeout,
            read_timeout: config.read_timeout,
        })
    }

    /// Sends a request and waits for the head of the answer. Any status is an answer.
    ///
    /// # Errors
    /// When the request is not valid, or no complete head came in time; see [`NetError`].
    pub async fn fetch(&self, request: Request) -> Result<Response, NetError> {
        let answer = self.send(request).await;
        self.outcomes.count(&answer);
        answer
    }

    async fn send(&self, request: Request) -> Result<Response, NetError> {
        let max_bytes = request.max_bytes;
        let unpack = !request.asks_for_encoding();
        if let (Some(routed), Route::Planned | Route::PlannedSearch) = (&self.routed, request.route) {
            let follows = request.follow_redirects;
            let is_search = request.route == Route::PlannedSearch;
            let hosts = request.hosts.clone();
            let request = request.build(&self.direct)?;
            let answer = routed
                .execute(request, hosts.as_deref(), follows, is_search)
                .await?;
            return Response::new(answer, max_bytes, self.read_timeout, unpack).await;
        }
        // Each hop may need both; three slow hops are patience enough.
        let hops = if request.follow_redirects { 3 } else { 1 };
        let deadline = (self.connect_timeout + self.read_timeout) * hops;
        let (follows, hosts) = (request.follow_redirects, request.hosts.clone());
        let request = request.build(&self.direct)?;
        let host = host_of(request.url());
        let answer = tokio::time::timeout(deadline, self.hop(request, follows, hosts.as_deref()))
            .await
            .unwrap_or(Err(NetError::Timeout {
                host,
                stage: Stage::Head,
                after: deadline,
            }))?;
        Response::new(answer, max_bytes, self.read_timeout, unpack).await
    }

    /// From hop to hop until an answer is no redirect, each held against the rules.
    async fn hop(
        &self,
        mut request: reqwest::Request,
        follows: bool,
        hosts: Option<&HostList>,
    ) -> Result<reqwest::Response, NetError> {
        let first = host_of(request.url());
        let mut hops = 0;
        loop {
            let host = host_of(request.url());
            self.egress
                .check_url(request.url(), hosts)
                .map_err(|refusal| NetError::Refused {
                    host: host.clone(),
                    refusal,
                })?;
            let origin = follows.then(|| request.try_clone()).flatten();
            let answer =
                self.direct.execute(request).await.map_err(|error| {
                    NetError::from_client(&host, Stage::Head, self.waited(&error), &error)
                })?;
            let Some(next) = origin.and_then(|origin| redirect::next(&origin, &answer)) else {
                return Ok(answer);
            };
            if hops == MAX_REDIRECTS {
                return Err(NetError::Redirects {
                    host: first,
                    limit: MAX_REDIRECTS,
                });
            }
            hops += 1;
            request = next?;
        }
    }

    /// The deadline a timed-out request ran into.
    fn waited(&self, error: &reqwest::Error) -> Duration {
        if error.is_connect() {
            self.connect_timeout
        } else {
            self.read_timeout
        }
    }
}

fn builder(config: &NetConfig) -> Result<ClientBuilder, NetError> {
    let builder = Client::builder()
        .tls_backend_preconfigured(tls::client_config()?)
        .user_agent(&config.user_agent)
        .connect_timeout(config.connect_timeout)
        .redirect(Policy::none())
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http1_max_headers(MAX_HEADER_FIELDS)
        .http1_ignore_invalid_headers_in_responses(true)
        // Lets `ICY` answers through; `Response::new` tells them from everything else that is not HTTP.
        .http09_responses()
        .referer(false)
        .tcp_nodelay(true)
        .no_proxy();
    Ok(match &config.proxy {
        // The only name looked up here is the proxy's, which the operator chose.
        Some(proxy) => builder.proxy(proxy.build()?),
        None => builder.dns_resolver(Arc::new(GuardedNames {
            names: Arc::clone(&config.names),
            guard: Arc::clone(&config.egress),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_password_is_never_printed() {
        let proxy = ProxyConfig::new("proxy.test", 3128).with_credentials("user", "hunter2");
        let config = NetConfig {
            proxy: Some(proxy),
            ..NetConfig::default()
        };
        assert!(!format!("{config:?}").contains("hunter2"));
        let client = HttpClient::new(config).unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
    }

    #[test]
    fn bad_settings_are_named() {
        let proxy = ProxyConfig::new("not a host", 1);
        let error = HttpClient::new(NetConfig {
            proxy: Some(proxy),
            ..NetConfig::default()
        })
        .unwrap_err();
        assert!(error.to_string().contains("not a host"), "{error}");
        let error = HttpClient::new(NetConfig {
            user_agent: "a\nb".to_owned(),
            ..NetConfig::default()
        })
        .unwrap_err();
        assert!(matches!(error, NetError::Setup { .. }), "{error}");
    }

    #[test]
    fn an_ipv6_proxy_gets_brackets() {
        assert!(ProxyConfig::new("::1", 3128).build().is_ok());
    }
}
