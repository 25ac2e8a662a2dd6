//! HTTP answers on their way across the border and back.

use std::any::Any;

use abi_stable::sabi_trait::TD_CanDowncast;
use abi_stable::std_types::{RBox, ROption, RResult, RString, RVec};

use super::abi::{self, ResponseApi, ResponseApi_TO, ResponseBox};
use super::contain::{Contained, contained, contained_or};
use super::cross::Cross;
use crate::{Body, Failure, Header, HttpResponse};

/// An answer of this side, as the other side sees it.
struct Lent(Contained<Body>);

impl ResponseApi for Lent {
    fn status(&self) -> u16 {
        contained_or(0, || self.0.status())
    }
    fn headers(&self) -> RVec<abi::Header> {
        contained_or(Vec::new(), || self.0.headers()).out()
    }
    fn url(&self) -> RString {
        contained_or(String::new(), || self.0.url()).out()
    }
    fn local_address(&self) -> ROption<RString> {
        contained_or(None, || self.0.local_address()).out()
    }
    fn read(&mut self, max: u64) -> RResult<RVec<u8>, abi::Failure> {
        contained("The other end of an HTTP answer", "read", || {
            self.0.read(clamped(max))
        })
        .out()
    }
}

/// An answer of the other side, as this side sees it.
struct Foreign(Option<ResponseBox>);

impl HttpResponse for Foreign {
    fn status(&self) -> u16 {
        self.0.as_ref().map_or(0, ResponseApi::status)
    }
    fn headers(&self) -> Vec<Header> {
        self.0
            .as_ref()
            .map(|inner| Cross::back(inner.headers()))
            .unwrap_or_default()
    }
    fn url(&self) -> String {
        self.0
            .as_ref()
            .map(|inner| inner.url().into())
            .unwrap_or_default()
    }
    fn local_address(&self) -> Option<String> {
        self.0
            .as_ref()
            .and_then(|inner| Cross::back(inner.local_address()))
    }
    fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
        match &mut self.0 {
            Some(inner) => Cross::back(inner.read(max as u64)),
            None => Err(Failure::fault("This HTTP answer was handed back already.")),
        }
    }
    fn as_any_mut(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }
}

/// Sends an answer across. One that came from there returns as it was, so its bytes take no detour.
pub(crate) fn out(mut body: Body) -> ResponseBox {
    let own = body
        .as_any_mut()
        .and_then(|any| any.downcast_mut::<Foreign>())
        .and_then(|foreign| foreign.0.take());
    own.unwrap_or_else(|| ResponseApi_TO::from_value(Lent(Contained::new(body)), TD_CanDowncast))
}

/// Takes an answer from the other side. One that was lent by this side is the very object again.
pub(crate) fn back(response: ResponseBox) -> Body {
    match response.obj.downcast_into::<Lent>() {
        Ok(lent) => RBox::into_inner(lent).0.into_inner(),
        Err(other) => Box::new(Foreign(Some(ResponseApi_TO::from_sabi(other.into_inner())))),
    }
}

/// A length of the other side in this side's width.
pub(crate) fn clamped(max: u64) -> usize {
    usize::try_from(max).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answer(Vec<u8>);

    impl HttpResponse for Answer {
        fn status(&self) -> u16 {
            206
        }
        fn headers(&self) -> Vec<Header> {
            vec![("x".to_owned(), vec![0xff])]
        }
        fn url(&self) -> String {
            "http://there/".to_owned()
        }
        fn local_address(&self) -> Option<String> {
            Some("10.0.0.1".to_owned())
        }
        fn read(&mut self, max: usize) -> Result<Vec<u8>, Failure> {
            assert!(max > 0, "asked for nothing");
            Ok(self.0.drain(..max.min(self.0.len())).collect())
        }
        fn as_any_mut(&mut self) -> Option<&mut dyn Any> {
            Some(self)
        }
    }

    #[test]
    fn is_the_same_object_after_a_round_trip() {
        let mut body = back(out(Box::new(Answer(vec![1, 2, 3]))));
        let answer = body
            .as_any_mut()
            .and_then(|any| any.downcast_mut::<Answer>())
            .unwrap();
        assert_eq!(answer.0, [1, 2, 3]);
    }

    #[test]
    fn reads_through_the_border_and_returns_unwrapped() {
        let lent = out(Box::new(Answer(vec![1, 2, 3])));
        // What a plugin holds: its own executable would not recognise the object.
        let mut foreign = Foreign(Some(lent));
        assert_eq!(foreign.status(), 206);
        assert_eq!(foreign.headers(), [("x".to_owned(), vec![0xff])]);
        assert_eq!(foreign.url(), "http://there/");
        assert_eq!(foreign.local_address().as_deref(), Some("10.0.0.1"));
        assert_eq!(foreign.read(2), Ok(vec![1, 2]));
        assert!(foreign.read(0).unwrap_err().cause.contains("asked for nothing"));

        let mut body = back(out(Box::new(foreign)));
        assert!(
            body.as_any_mut()
                .and_then(|any| any.downcast_mut::<Answer>())
                .is_some()
        );
    }

    #[test]
    fn an_answer_given_away_only_fails() {
        let mut foreign = Foreign(None);
        assert_eq!(
            (foreign.status(), foreign.headers().len(), foreign.url()),
            (0, 0, String::new())
        );
        assert!(foreign.read(1).is_err());
    }
}
