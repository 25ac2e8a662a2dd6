//! Interface `filters`: audio filters on their way from a plugin to the host.

use std::time::Duration;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RDuration, RResult, RStr, RString, RVec};

use self::abi::{FilterApi, FilterApi_TO, FilterBox, FilterFactoryApi, FilterFactoryBox};
use super::abi::{Failure as AbiFailure, HostRef};
use super::contain::{Contained, contained};
use super::cross::{Cross, record, same};
use super::lent::Lent;
use super::lent_host::lend;
use crate::{AudioFormat, Failure, Filter, FilterFactory, Host};

/// What crosses the border for filters. FROZEN like [`super::abi`].
pub mod abi {
    // The derives and `sabi_trait` expand to unsafe impls and to generated items that carry no docs of their own.
    #![allow(
        unsafe_code,
        missing_docs,
        non_local_definitions,
        clippy::undocumented_unsafe_blocks
    )]
    use abi_stable::std_types::{RBox, RDuration, RResult, RStr, RString, RVec};
    use abi_stable::{StableAbi, sabi_trait};

    use crate::v1::abi::{Failure, HostRef};

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct AudioFormat {
        pub sample_rate: u32,
        pub channels: u8,
    }

    #[sabi_trait]
    pub trait FilterApi: Send {
        fn process(&mut self, samples: RVec<f32>) -> RResult<RVec<f32>, Failure>;
        fn seeked(&mut self, position: RDuration) -> RResult<(), Failure>;
        #[sabi(last_prefix_field)]
        fn flush(&mut self) -> RResult<RVec<f32>, Failure>;
    }

    /// An owned filter.
    pub type FilterBox = FilterApi_TO<'static, RBox<()>>;

    #[sabi_trait]
    pub trait FilterFactoryApi: Send + Sync {
        fn name(&self) -> RResult<RString, Failure>;
        fn is_enabled(&self, config: RStr<'_>) -> RResult<bool, Failure>;
        #[sabi(last_prefix_field)]
        fn build(
            &self,
            host: HostRef<'_>,
            config: RStr<'_>,
            format: AudioFormat,
        ) -> RResult<FilterBox, Failure>;
    }

    /// An owned kind of filter.
    pub type FilterFactoryBox = FilterFactoryApi_TO<'static, RBox<()>>;
}

record!(AudioFormat {
    sample_rate,
    channels
});
same!(FilterBox, FilterFactoryBox);

struct LentFilter(Contained<Box<dyn Filter>>);

const WHO: &str = "The plugin that makes this filter";

impl FilterApi for LentFilter {
    fn process(&mut self, samples: RVec<f32>) -> RResult<RVec<f32>, AbiFailure> {
        contained(WHO, "process", || {
            let mut samples = samples.into();
            self.0.process(&mut samples)?;
            Ok(samples)
        })
        .map(RVec::from)
        .map_err(Cross::out)
        .into()
    }
    fn seeked(&mut self, position: RDuration) -> RResult<(), AbiFailure> {
        contained(WHO, "seeked", || self.0.seeked(Cross::back(position))).out()
    }
    fn flush(&mut self) -> RResult<RVec<f32>, AbiFailure> {
        contained(WHO, "flush", || self.0.flush()).out()
    }
}

struct ForeignFilter(FilterBox);

impl Filter for ForeignFilter {
    fn process(&mut self, samples: &mut Vec<f32>) -> Result<(), Failure> {
        let processed = self.0.process(std::mem::take(samples).into()).into_result();
        *samples = processed.map_err(<Failure as Cross>::back)?.into();
        Ok(())
    }
    fn seeked(&mut self, position: Duration) -> Result<(), Failure> {
        Cross::back(self.0.seeked(position.out()))
    }
    fn flush(&mut self) -> Result<Vec<f32>, Failure> {
        Cross::back(self.0.flush())
    }
}

impl FilterFactoryApi for Lent<dyn FilterFactory> {
    fn name(&self) -> RResult<RString, AbiFailure> {
        self.call("name", |factory| Ok(factory.name()))
    }
    fn is_enabled(&self, config: RStr<'_>) -> RResult<bool, AbiFailure> {
        self.call("is_enabled", |factory| factory.is_enabled(config.as_str()))
    }
    fn build(
        &self,
        host: HostRef<'_>,
        config: RStr<'_>,
        format: abi::AudioFormat,
    ) -> RResult<FilterBox, AbiFailure> {
        self.call_with(host, "build", |factory, host| {
            let filter = factory.build(host, config.as_str(), Cross::back(format))?;
            let filter = LentFilter(Contained::new(filter));
            Ok(FilterApi_TO::from_value(filter, TD_Opaque))
        })
    }
}

/// A kind of filter of a loaded plugin, as the host uses it.
pub struct ForeignFilterFactory {
    name: String,
    inner: FilterFactoryBox,
}

impl ForeignFilterFactory {
    /// Takes a kind of filter and asks it for its name.
    ///
    /// # Errors
    /// When that makes it panic.
    pub fn new(inner: FilterFactoryBox) -> Result<Self, Failure> {
        let name = <Result<String, Failure>>::back(inner.name())?;
        Ok(Self { name, inner })
    }
}

impl FilterFactory for ForeignFilterFactory {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn is_enabled(&self, config: &str) -> Result<bool, Failure> {
        Cross::back(self.inner.is_enabled(config.into()))
    }
    fn build(&self, host: &dyn Host, config: &str, format: AudioFormat) -> Result<Box<dyn Filter>, Failure> {
        let filter = lend(host, |host| self.inner.build(host, config.into(), format.out()))?;
        Ok(Box::new(ForeignFilter(filter)))
    }
}
