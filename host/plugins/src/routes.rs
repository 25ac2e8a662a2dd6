//! REST endpoints and interceptors of plugins.

use lavalink_plugin_api::{
    Endpoint, Failure, Interceptor, RestError, RestHead, RestRequest, RestResponse, Routes, Verdict,
};

use crate::bounds::{bounded_answer, bounded_verdict};
use crate::parts::Part;
use crate::plugins::Plugins;

/// What a method and a path lead to.
pub enum Routed {
    /// An endpoint.
    Endpoint(Box<EndpointCall>),
    /// Other methods of this path.
    OtherMethods(Vec<String>),
    /// Nothing.
    Nowhere,
}

/// An endpoint a request matched.
pub struct EndpointCall {
    part: Part<dyn Routes>,
    index: u32,
    parameters: Vec<(String, String)>,
}

impl EndpointCall {
    /// Name of the plugin.
    pub fn plugin(&self) -> &str {
        self.part.plugin()
    }

    /// Lets the plugin answer.
    ///
    /// # Errors
    /// What the client is to get as an error object; status 500 when the plugin panics, is too slow, or says too much.
    pub async fn answer(self, head: RestHead, body: Vec<u8>) -> Result<RestResponse, RestError> {
        let request = RestRequest {
            head,
            parameters: self.parameters,
            body,
        };
        let index = self.index;
        let plugin = self.part.plugin().to_owned();
        let answered = self
            .part
            .call("route", self.part.limits.route, move |routes, host| {
                bounded_answer(&plugin, routes.try_handle(host, index, request)?)
            });
        match answered.await {
            Ok(answer) => answer,
            Err(failure) => {
                self.part.report("a REST request failed", &failure);
                Err(failure.into())
            }
        }
    }
}

impl Plugins {
    /// All endpoints with the names of their plugins.
    pub fn endpoints(&self) -> Vec<(String, Endpoint)> {
        let mut all = Vec::new();
        for slot in self.table().slots() {
            for (endpoints, _) in &slot.active.loaded.extensions.routes {
                all.extend(
                    endpoints
                        .iter()
                        .map(|endpoint| (slot.name().to_owned(), endpoint.clone())),
                );
            }
        }
        all
    }

    /// The endpoint for a request; of two that match the first plugin's. A HEAD is a GET.
    pub fn route(&self, method: &str, path: &str) -> Routed {
        let wanted = if method == "HEAD" { "GET" } else { method };
        let mut others = Vec::new();
        let all = self.described_parts(|extensions| extensions.routes.clone());
        for (endpoints, part) in all {
            for (index, endpoint) in endpoints.into_iter().enumerate() {
                let Some(parameters) = parameters_of(&endpoint.path, path) else {
                    continue;
                };
                if endpoint.method.eq_ignore_ascii_case(wanted) {
                    let index = u32::try_from(index).unwrap_or(u32::MAX);
                    return Routed::Endpoint(Box::new(EndpointCall {
                        part,
                        index,
                        parameters,
                    }));
                }
                if !others.contains(&endpoint.method) {
                    others.push(endpoint.method);
                }
            }
        }
        if others.is_empty() {
            Routed::Nowhere
        } else {
            Routed::OtherMethods(others)
        }
    }

    /// Shows a request to the interceptors, in the order of their plugins, until one of them answers it. One that would
    /// answer, and says too much, does not let the request pass.
    pub async fn intercept(&self, head: RestHead) -> Intercepted {
        let interceptors = self.parts(|extensions| extensions.interceptors.clone());
        let mut passed = Vec::new();
        for part in interceptors {
            let (asked, plugin) = (head.clone(), part.plugin().to_owned());
            let verdict = part.call("intercept", part.limits.intercept, move |interceptor, host| {
                Ok(bounded_verdict(&plugin, interceptor.before(host, &asked)?))
            });
            let answer = match verdict.await {
                Ok(Ok(Verdict::Proceed)) => {
                    passed.push(part);
                    continue;
                }
                Ok(Ok(answer)) => answer,
                Ok(Err(excess)) => {
                    part.report("its interceptor's answer is not used", &excess);
                    Verdict::Refuse(excess.into())
                }
                Err(failure) => {
                    report(&part, &failure);
                    continue;
                }
            };
            return Intercepted {
                answer: Some(answer),
                passed,
                head,
            };
        }
        Intercepted {
            answer: None,
            passed,
            head,
        }
    }

    /// Whether there is any interceptor.
    pub fn has_interceptors(&self) -> bool {
        let table = self.table();
        table
            .slots()
            .iter()
            .any(|slot| !slot.active.loaded.extensions.interceptors.is_empty())
    }
}

/// A request the interceptors have seen.
pub struct Intercepted {
    /// The answer one of them gave instead of the route.
    pub answer: Option<Verdict>,
    passed: Vec<Part<dyn Interceptor>>,
    head: RestHead,
}

impl Intercepted {
    /// Tells those that let the request pass how it was answered, the last one first.
    pub async fn after(self, status: u16) {
        for part in self.passed.iter().rev() {
            let head = self.head.clone();
            let told = part.call(
                "intercept_after",
                part.limits.intercept,
                move |interceptor, host| interceptor.after(host, &head, status),
            );
            if let Err(failure) = told.await {
                report(part, &failure);
            }
        }
    }
}

fn report(part: &Part<dyn Interceptor>, failure: &Failure) {
    part.report("its interceptor is passed over for a request", failure);
}

/// The values of the segments in braces, when the path matches.
fn parameters_of(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        if let Some(name) = wanted.strip_prefix("{*").and_then(|name| name.strip_suffix('}')) {
            let rest: Vec<&str> = segments.collect();
            if rest.is_empty() {
                return None;
            }
            parameters.push((name.to_owned(), decoded(&rest.join("/"))?));
            return Some(parameters);
        }
        let segment = segments.next()?;
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => parameters.push((name.to_owned(), decoded(segment)?)),
            None if wanted == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(parameters)
}

/// Text with its percent-escapes resolved; `None` when that is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, behind) = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) => (hex(*high)? * 16 + hex(*low)?, behind),
            (b'%', _) => return None,
            _ => (byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(pattern: &str, path: &str) -> Option<Vec<String>> {
        let parameters = parameters_of(pattern, path)?;
        Some(
            parameters
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        )
    }

    #[test]
    fn segments_in_braces_match_any_segment() {
        let some = |values: &[&str]| Some(values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>());
        assert_eq!(found("/v4/a", "/v4/a"), some(&[]));
        assert_eq!(found("/v4/a", "/v4/a/"), None);
        assert_eq!(
            found("/v4/{x}/b/{y}", "/v4/1%2F2/b/%C3%A9"),
            some(&["x=1/2", "y=é"])
        );
        assert_eq!(found("/v4/{x}", "/v4/"), None);
        assert_eq!(found("/v4/{x}", "/v4/%zz"), None);
        assert_eq!(found("/v4/{x}", "/v4/%ff"), None);
        assert_eq!(found("/files/{*rest}", "/files/a/b%20c"), some(&["rest=a/b c"]));
        assert_eq!(found("/files/{*rest}", "/files"), None);
        assert_eq!(found("/{a}/{b}", "/x"), None);
    }

    proptest! {
        #[test]
        fn hostile_patterns_and_paths_never_panic(pattern in "[/{}*a%]{0,24}", path in "[/%a-f0-9é]{0,24}") {
            let _ = parameters_of(&pattern, &path);
        }
    }
}
