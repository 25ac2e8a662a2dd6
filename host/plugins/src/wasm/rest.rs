//! REST endpoints and interceptors of a guest.

use std::sync::Arc;

use lavalink_plugin_api::carry::Carry;
use lavalink_plugin_api::{
    Endpoint, Failure, Host, Interceptor, RestError, RestHead, RestRequest, RestResponse, Routes, Verdict,
};

use super::guest::{Call, Guest};
use super::part::Part;
use crate::GuardLimits;
use crate::extensions::Described;

struct GuestRoutes {
    endpoints: Vec<Endpoint>,
    part: Part,
}

/// The endpoints of a guest.
///
/// # Errors
/// When it breaks, or has too many parts.
pub(super) fn routes_of(
    guest: &Arc<Guest>,
    limits: GuardLimits,
) -> Result<Described<Vec<Endpoint>, dyn Routes>, Failure> {
    let parts = Part::described(guest, limits, "routes", |instance| {
        instance.faces.routes()?.call_describe(&mut instance.store)
    })?;
    let routes = parts.into_iter().map(|(endpoints, part)| {
        let endpoints: Vec<Endpoint> = endpoints.carry();
        let routes = GuestRoutes {
            endpoints: endpoints.clone(),
            part,
        };
        (endpoints, Arc::new(routes) as Arc<dyn Routes>)
    });
    Ok(routes.collect())
}

impl Routes for GuestRoutes {
    fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints.clone()
    }

    fn handle(
        &self,
        host: &dyn Host,
        endpoint: u32,
        request: RestRequest,
    ) -> Result<RestResponse, RestError> {
        self.try_handle(host, endpoint, request)?
    }

    fn try_handle(
        &self,
        host: &dyn Host,
        endpoint: u32,
        request: RestRequest,
    ) -> Result<Result<RestResponse, RestError>, Failure> {
        let call = Call {
            what: "handle",
            host: Some(host),
            limit: self.part.limits.route,
        };
        let request = request.carry();
        self.part.guest.call(call, |instance| {
            let routes = instance.faces.routes()?;
            let answer = routes.call_handle(&mut instance.store, self.part.index, endpoint, &request)?;
            Ok(Ok(answer.carry()))
        })
    }
}

struct GuestInterceptor(Part);

/// The interceptors of a guest.
///
/// # Errors
/// When it breaks, or has too many.
pub(super) fn interceptors_of(
    guest: &Arc<Guest>,
    limits: GuardLimits,
) -> Result<Vec<Arc<dyn Interceptor>>, Failure> {
    let parts = Part::counted(guest, limits, "interceptor", |instance| {
        instance.faces.interceptor()?.call_count(&mut instance.store)
    })?;
    let interceptors = parts.into_iter();
    Ok(interceptors
        .map(|part| Arc::new(GuestInterceptor(part)) as Arc<dyn Interceptor>)
        .collect())
}

impl Interceptor for GuestInterceptor {
    fn before(&self, host: &dyn Host, request: &RestHead) -> Result<Verdict, Failure> {
        let call = Call {
            what: "before",
            host: Some(host),
            limit: self.0.limits.intercept,
        };
        let request = request.clone().carry();
        self.0.guest.call(call, |instance| {
            let interceptor = instance.faces.interceptor()?;
            let answer = interceptor.call_before(&mut instance.store, self.0.index, &request)?;
            Ok(answer.carry())
        })
    }

    fn after(&self, host: &dyn Host, request: &RestHead, status: u16) -> Result<(), Failure> {
        let call = Call {
            what: "after",
            host: Some(host),
            limit: self.0.limits.intercept,
        };
        let request = request.clone().carry();
        self.0.guest.call(call, |instance| {
            let interceptor = instance.faces.interceptor()?;
            let answer = interceptor.call_after(&mut instance.store, self.0.index, &request, status)?;
            Ok(answer.carry())
        })
    }
}
