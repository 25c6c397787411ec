//! Bodies of answers: bytes in one piece, which may hold their share of a budget until they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::sync::OwnedSemaphorePermit;

/// A body of one piece.
#[derive(Debug, Default)]
pub(super) struct Payload(Option<Bytes>);

impl Payload {
    /// An answer of status 200 with a body of a media type.
    pub fn response(media_type: &'static str, body: impl Into<Bytes>) -> Response<Self> {
        let mut response = Response::new(Self(Some(body.into()).filter(|bytes| !bytes.is_empty())));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    }
}

/// The bytes together with their share of a budget, which is given back when the last copy of them is gone.
pub(super) fn held(bytes: Bytes, share: OwnedSemaphorePermit) -> Bytes {
    struct Held(Bytes, #[expect(dead_code, reason = "given back when it is dropped")] OwnedSemaphorePermit);
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Bytes::from_owner(Held(bytes, share))
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
