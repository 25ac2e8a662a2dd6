//! Interfaces `routes` and `interceptor`: REST on its way from a plugin to the host.

use abi_stable::std_types::{RResult, RVec};

use self::abi::{InterceptorApi, InterceptorBox, RoutesApi, RoutesBox};
use super::abi::{Failure as AbiFailure, HostRef};
use super::cross::{Cross, record, same};
use super::lent::Lent;
use super::lent_host::lend;
use crate::{
    Endpoint, Failure, Host, Interceptor, RestError, RestHead, RestRequest, RestResponse, Routes, Verdict,
};

/// What crosses the border for REST. FROZEN like [`super::abi`].
pub mod abi {
    // The derives and `sabi_trait` expand to unsafe impls and to generated items that carry no docs of their own.
    #![allow(
        unsafe_code,
        missing_docs,
        non_local_definitions,
        clippy::undocumented_unsafe_blocks
    )]
    // One answer per request: boxing the large variant would cost more than it saves.
    #![allow(clippy::large_enum_variant)]

    use abi_stable::std_types::{RBox, ROption, RResult, RString, RVec, Tuple2};
    use abi_stable::{StableAbi, sabi_trait};

    use crate::v1::abi::{Failure, Header, HostRef};

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct Endpoint {
        pub method: RString,
        pub path: RString,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct RestHead {
        pub method: RString,
        pub path: RString,
        pub query: ROption<RString>,
        pub headers: RVec<Header>,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct RestRequest {
        pub head: RestHead,
        pub parameters: RVec<Tuple2<RString, RString>>,
        pub body: RVec<u8>,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct RestResponse {
        pub status: u16,
        pub headers: RVec<Header>,
        pub body: RVec<u8>,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct RestError {
        pub status: u16,
        pub message: RString,
    }

    #[repr(u8)]
    #[derive(StableAbi)]
    pub enum Verdict {
        Proceed,
        Answer(RestResponse),
        Refuse(RestError),
    }

    #[sabi_trait]
    pub trait RoutesApi: Send + Sync {
        fn endpoints(&self) -> RResult<RVec<Endpoint>, Failure>;
        #[sabi(last_prefix_field)]
        fn handle(
            &self,
            host: HostRef<'_>,
            endpoint: u32,
            request: RestRequest,
        ) -> RResult<RResult<RestResponse, RestError>, Failure>;
    }

    /// Owned routes.
    pub type RoutesBox = RoutesApi_TO<'static, RBox<()>>;

    #[sabi_trait]
    pub trait InterceptorApi: Send + Sync {
        fn before(&self, host: HostRef<'_>, request: RestHead) -> RResult<Verdict, Failure>;
        #[sabi(last_prefix_field)]
        fn after(&self, host: HostRef<'_>, request: RestHead, status: u16) -> RResult<(), Failure>;
    }

    /// An owned interceptor.
    pub type InterceptorBox = InterceptorApi_TO<'static, RBox<()>>;
}

record!(Endpoint { method, path });
record!(RestHead {
    method,
    path,
    query,
    headers
});
record!(RestRequest {
    head,
    parameters,
    body
});
record!(RestResponse {
    status,
    headers,
    body
});
record!(RestError { status, message });
same!(RoutesBox, InterceptorBox);

impl Cross for Verdict {
    type Abi = abi::Verdict;
    fn out(self) -> Self::Abi {
        match self {
            Self::Proceed => abi::Verdict::Proceed,
            Self::Answer(response) => abi::Verdict::Answer(response.out()),
            Self::Refuse(error) => abi::Verdict::Refuse(error.out()),
        }
    }
    fn back(abi: Self::Abi) -> Self {
        match abi {
            abi::Verdict::Proceed => Self::Proceed,
            abi::Verdict::Answer(response) => Self::Answer(Cross::back(response)),
            abi::Verdict::Refuse(error) => Self::Refuse(Cross::back(error)),
        }
    }
}

/// An answer of an endpoint, or the panic instead of it.
type Handled = Result<Result<RestResponse, RestError>, Failure>;

impl RoutesApi for Lent<dyn Routes> {
    fn endpoints(&self) -> RResult<RVec<abi::Endpoint>, AbiFailure> {
        self.call("endpoints", |routes| Ok(routes.endpoints()))
    }
    fn handle(
        &self,
        host: HostRef<'_>,
        endpoint: u32,
        request: abi::RestRequest,
    ) -> RResult<RResult<abi::RestResponse, abi::RestError>, AbiFailure> {
        self.call_with(host, "handle", |routes, host| {
            Ok(routes.handle(host, endpoint, Cross::back(request)))
        })
    }
}

impl InterceptorApi for Lent<dyn Interceptor> {
    fn before(&self, host: HostRef<'_>, request: abi::RestHead) -> RResult<abi::Verdict, AbiFailure> {
        self.call_with(host, "before", |interceptor, host| {
            interceptor.before(host, &Cross::back(request))
        })
    }
    fn after(&self, host: HostRef<'_>, request: abi::RestHead, status: u16) -> RResult<(), AbiFailure> {
        self.call_with(host, "after", |interceptor, host| {
            interceptor.after(host, &Cross::back(request), status)
        })
    }
}

/// Endpoints of a loaded plugin, as the host uses them.
pub struct ForeignRoutes {
    endpoints: Vec<Endpoint>,
    inner: RoutesBox,
}

impl ForeignRoutes {
    /// Takes routes and asks for their endpoints.
    ///
    /// # Errors
    /// When that makes them panic.
    pub fn new(inner: RoutesBox) -> Result<Self, Failure> {
        let endpoints = <Result<Vec<Endpoint>, Failure>>::back(inner.endpoints())?;
        Ok(Self { endpoints, inner })
    }
}

impl Routes for ForeignRoutes {
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
    fn try_handle(&self, host: &dyn Host, endpoint: u32, request: RestRequest) -> Handled {
        lend(host, |host| self.inner.handle(host, endpoint, request.out()))
    }
}

/// An interceptor of a loaded plugin, as the host uses it.
pub struct ForeignInterceptor(pub InterceptorBox);

impl Interceptor for ForeignInterceptor {
    fn before(&self, host: &dyn Host, request: &RestHead) -> Result<Verdict, Failure> {
        lend(host, |host| self.0.before(host, request.clone().out()))
    }
    fn after(&self, host: &dyn Host, request: &RestHead, status: u16) -> Result<(), Failure> {
        lend(host, |host| self.0.after(host, request.clone().out(), status))
    }
}
