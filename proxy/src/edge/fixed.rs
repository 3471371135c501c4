//! Fixed answers, made once.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use rouse_api::workload::Respond;

use crate::forward::AnswerBody;

/// An answer that is the same each time.
#[derive(Debug)]
pub(crate) struct Fixed {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Fixed {
    /// What is no header (validation lets none through) is left out.
    pub(crate) fn new(respond: &Respond) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in &respond.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.append(name, value);
            }
        }
        if !respond.body.is_empty() {
            headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        Self {
            status: StatusCode::from_u16(respond.status).unwrap_or(StatusCode::OK),
            headers,
            body: Bytes::from(respond.body.clone()),
        }
    }

    pub(crate) fn answer(&self) -> Response<AnswerBody> {
        let mut answer = Response::new(AnswerBody::own(self.body.clone()));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers.clone();
        answer
    }
}
