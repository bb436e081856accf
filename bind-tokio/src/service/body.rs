//! The body of an answer of ours.

use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use sansocket_app::{Body as Content, Bytes};
use std::fs::File;
use std::io::{self, Read, Take};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of an answer that is not of the service behind: it is there at once, or a file that is
/// read piece by piece.
#[derive(Debug)]
pub struct OwnBody(Source);

#[derive(Debug)]
enum Source {
    File(Take<File>),
    /// Nothing, of a length that only the head tells: it may be an answer to HEAD.
    Nothing,
    Whole(Full<Bytes>),
}

/// Bytes read from a file at once.
const PIECE: u64 = 64 * 1024;

impl From<Bytes> for OwnBody {
    fn from(bytes: Bytes) -> Self {
        Self(Source::Whole(Full::new(bytes)))
    }
}

impl From<Content> for OwnBody {
    fn from(content: Content) -> Self {
        match content {
            Content::Bytes(bytes) => bytes.into(),
            Content::Empty => Self(Source::Nothing),
            Content::File(file) => Self(Source::File(file)),
        }
    }
}

impl Body for OwnBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.0 {
            Source::Whole(whole) => Pin::new(whole)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
            Source::File(file) => Poll::Ready(piece(file).transpose()),
            Source::Nothing => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Whole(whole) => whole.is_end_stream(),
            Source::File(file) => file.limit() == 0,
            Source::Nothing => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Whole(whole) => whole.size_hint(),
            Source::File(file) => SizeHint::with_exact(file.limit()),
            Source::Nothing => SizeHint::default(),
        }
    }
}

/// Reads more of a file; one that ends before its length was cut meanwhile.
fn piece(file: &mut Take<File>) -> io::Result<Option<Frame<Bytes>>> {
    if file.limit() == 0 {
        return Ok(None);
    }
    let mut piece = Vec::new();
    match file.by_ref().take(PIECE).read_to_end(&mut piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(Some(Frame::data(piece.into()))),
    }
}
