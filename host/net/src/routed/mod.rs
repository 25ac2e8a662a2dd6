//! Requests whose source address a [`RoutePlanner`] chooses.
//!
//! Each source address has a client, and so a pool of connections, of its own: a connection made from one address is never
//! used for another. The clients used last are kept; the strategies that never use an address twice keep none.

mod connector;
mod names;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{ACCEPT, HeaderValue, USER_AGENT};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use reqwest::{Body, ResponseBuilderExt};
use rustls::ClientConfig;
use rustls::client::Resumption;

use crate::client::{IDLE_TIMEOUT, MAX_HEADER_FIELDS, MAX_IDLE_PER_HOST, MAX_REDIRECTS, NetConfig};
use crate::egress::{EgressGuard, HostList};
use crate::redirect;
use crate::request::host_of;
use crate::route::RoutePlanner;
use crate::{NetError, Stage, tls};
use connector::{Connector, Refused};
use names::Names;

/// Source addresses whose connections are kept.
const MAX_CLIENTS: usize = 64;
/// Longest time spent on the retries of one request, also when their number has no limit.
const RETRY_TIME: Duration = Duration::from_secs(60);

/// Retries after which a pause is made before each: without a limit they would become a flood.
const UNHURRIED_AFTER: u32 = 10;
/// That pause.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

type AddressClient = Client<HttpsConnector<Connector>, Body>;

/// See the module. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct RoutedClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    planner: Arc<RoutePlanner>,
    egress: Arc<EgressGuard>,
    names: Arc<Names>,
    tls: Arc<ClientConfig>,
    user_agent: HeaderValue,
    connect_timeout: Duration,
    read_timeout: Duration,
    /// Used last at the end.
    clients: Mutex<Vec<(Option<IpAddr>, AddressClient)>>,
}

/// What came of one attempt.
enum Attempt {
    Answer(reqwest::Response),
    /// The source address could not be bound.
    Unbound(String),
}

impl RoutedClient {
    /// A client for requests that `planner` routes.
    pub(crate) fn new(config: &NetConfig, planner: Arc<RoutePlanner>) -> Result<Self, NetError> {
        let mut tls = tls::client_config()?;
        // A resumed TLS session would tell the server that two addresses are one client.
        tls.resumption = Resumption::disabled();
        let user_agent = HeaderValue::from_str(&config.user_agent).map_err(|_| NetError::Setup {
            reason: format!("user agent {:?} is not a header value", config.user_agent),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                planner,
                egress: Arc::clone(&config.egress),
                names: Arc::new(Names::new(Arc::clone(&config.names))),
                tls: Arc::new(tls),
                user_agent,
                connect_timeout: config.connect_timeout,
                read_timeout: config.read_timeout,
                clients: Mutex::default(),
            }),
        })
    }

    /// Sends a request, from other addresses if need be, and waits for the head of the answer.
    ///
    /// # Errors
    /// [`NetError::NoRoute`] without a usable address, [`NetError::RateLimited`] when the retries are used up, else as
    /// for any request.
    pub(crate) async fn execute(
        &self,
        mut request: reqwest::Request,
        hosts: Option<&HostList>,
        follow_redirects: bool,
        is_search: bool,
    ) -> Result<reqwest::Response, NetError> {
        let planner = &self.inner.planner;
        let host = host_of(request.url());
        request
            .headers_mut()
            .entry(USER_AGENT)
            .or_insert(self.inner.user_agent.clone());
        request
            .headers_mut()
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        let begun = Instant::now();
        let (mut retries, mut hops) = (0_u32, 0_usize);
        loop {
            self.inner
                .egress
                .check_url(request.url(), hosts)
                .map_err(|refusal| NetError::Refused {
                    host: host_of(request.url()),
                    refusal,
                })?;
            let attempt = request.try_clone().ok_or_else(|| NetError::Request {
                host: host.clone(),
                reason: "its body cannot be sent twice".to_owned(),
            })?;
            let (local, outcome) = self.attempt(attempt).await?;
            match (outcome, local) {
                (Attempt::Answer(answer), Some(local)) if answer.status().as_u16() == 429 => {
                    planner.rate_limited(local, is_search);
                }
                (Attempt::Unbound(reason), Some(local)) => planner.cannot_bind(local, &reason),
                (Attempt::Unbound(reason), None) => return Err(NetError::Connect { host, reason }),
                (Attempt::Answer(answer), _) => {
                    match follow_redirects
                        .then(|| redirect::next(&request, &answer))
                        .flatten()
                    {
                        None => return Ok(answer),
                        Some(_) if hops >= MAX_REDIRECTS => {
                            return Err(NetError::Redirects {
                                host,
                                limit: MAX_REDIRECTS,
                            });
                        }
                        Some(next) => {
                            hops += 1;
                            request = next?;
                            continue;
                        }
                    }
                }
            }
            let limit = planner.retries().limit();
            if limit.is_some_and(|limit| retries >= limit) || begun.elapsed() > RETRY_TIME {
                return Err(NetError::RateLimited);
            }
            retries = retries.saturating_add(1);
            if retries > UNHURRIED_AFTER {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }

    /// One request from one address, within the time for connecting and for the head of the answer.
    async fn attempt(&self, request: reqwest::Request) -> Result<(Option<IpAddr>, Attempt), NetError> {
        let host = host_of(request.url());
        let deadline = self.inner.connect_timeout + self.inner.read_timeout;
        match tokio::time::timeout(deadline, self.send(&host, request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(NetError::Timeout {
                host,
                stage: Stage::Head,
                after: deadline,
            }),
        }
    }

    async fn send(
        &self,
        host: &str,
        request: reqwest::Request,
    ) -> Result<(Option<IpAddr>, Attempt), NetError> {
        let url = request.url().clone();
        let remotes = self
            .inner
            .names
            .look_up(url.host_str().unwrap_or_default())
            .await
            .map_err(|error| NetError::Connect {
                host: host.to_owned(),
                reason: error.to_string(),
            })?;
        let remotes = self
            .inner
            .egress
            .permitted(url.host_str().unwrap_or_default(), remotes)
            .map_err(|refusal| NetError::Refused {
                host: host.to_owned(),
                refusal,
            })?;
        let plan = self
            .inner
            .planner
            .plan(&remotes)
            .map_err(|reason| NetError::NoRoute {
                host: host.to_owned(),
                reason,
            })?;
        let client = self.inner.client(plan.local, plan.family);
        let invalid = |error: reqwest::Error| NetError::Request {
            host: host.to_owned(),
            reason: error.without_url().to_string(),
        };
        let request = hyper::Request::try_from(request).map_err(invalid)?;
        let answer = match client.request(request).await {
            Ok(answer) => answer,
            Err(error) => match Refused::find(&error) {
                Some(Refused::Bind(reason)) => return Ok((plan.local, Attempt::Unbound(reason.to_string()))),
                Some(Refused::Egress(refusal)) => {
                    return Err(NetError::Refused {
                        host: host.to_owned(),
                        refusal: refusal.clone(),
                    });
                }
                Some(Refused::Timeout(after)) => {
                    return Err(NetError::Timeout {
                        host: host.to_owned(),
                        stage: Stage::Connect,
                        after: *after,
                    });
                }
                _ => return Err(NetError::from_routed(host, error.is_connect(), &error)),
            },
        };
        let (parts, body) = answer.into_parts();
        let mut answer = hyper::Response::builder()
            .status(parts.status)
            .version(parts.version)
            .url(url)
            .body(Body::wrap(body))
            .map_err(|error| NetError::Protocol {
                host: host.to_owned(),
                reason: error.to_string(),
            })?;
        *answer.headers_mut() = parts.headers;
        answer.extensions_mut().extend(parts.extensions);
        Ok((plan.local, Attempt::Answer(answer.into())))
    }
}

impl Inner {
    /// The client of a source address.
    fn client(&self, local: Option<IpAddr>, family: crate::route::Family) -> AddressClient {
        let is_kept = local.is_none() || self.planner.keeps_addresses();
        if is_kept {
            let mut clients = self.clients.lock();
            if let Some(at) = clients.iter().position(|(address, _)| *address == local) {
                let entry = clients.remove(at);
                let client = entry.1.clone();
                clients.push(entry);
                return client;
            }
        }
        let connector = Connector::new(
            local,
            family,
            Arc::clone(&self.names),
            Arc::clone(&self.egress),
            self.connect_timeout,
        );
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(if is_kept { MAX_IDLE_PER_HOST } else { 0 })
            .http1_max_headers(MAX_HEADER_FIELDS)
            .http1_ignore_invalid_headers_in_responses(true)
            .http09_responses(true)
            .build(HttpsConnector::from((connector, Arc::clone(&self.tls))));
        if is_kept {
            let mut clients = self.clients.lock();
            if clients.len() >= MAX_CLIENTS {
                clients.remove(0);
            }
            clients.push((local, client.clone()));
        }
        client
    }
}
