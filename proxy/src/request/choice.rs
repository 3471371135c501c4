//! The workload that was chosen: by a gateway in front, or by the port that the request came to.

use http::HeaderMap;
use rouse_api::workload::WorkloadId;

use crate::client::Choice;
use crate::config::ByHeader;
use crate::error::ProxyError;

/// Takes the header out where the listener knows it, and heeds it where the peer may choose.
///
/// # Errors
/// When it is there more than once, or is no `namespace/name`.
pub(super) fn take(
    choice: &Choice,
    headers: &mut HeaderMap,
) -> Result<Option<WorkloadId>, ProxyError> {
    match choice {
        Choice::Untouched => return Ok(None),
        Choice::Made(workload) => return Ok(Some(workload.clone())),
        Choice::Ignored | Choice::Believed => {}
    }
    let one = headers.get_all(ByHeader::NAME).iter().nth(1).is_none();
    let value = headers.remove(ByHeader::NAME);
    let Some(value) = value.filter(|_| *choice == Choice::Believed) else {
        return Ok(None);
    };
    if !one {
        return Err(ProxyError::BadRequest(
            "there is more than one rouse-workload header",
        ));
    }
    let id = value.to_str().ok().and_then(|text| text.split_once('/'));
    match id {
        Some((namespace, name))
            if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
        {
            Ok(Some(WorkloadId::new(namespace, name)))
        }
        _ => Err(ProxyError::BadRequest(
            "the rouse-workload header is not namespace/name, e.g. default/hello",
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn taken(choice: Choice, values: &[&'static str]) -> (Result<Option<WorkloadId>, ()>, usize) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ByHeader::NAME, HeaderValue::from_static(value));
        }
        let found = take(&choice, &mut headers).map_err(drop);
        (found, headers.len())
    }

    #[test]
    fn heeded_only_where_it_is_believed() {
        let hello = WorkloadId::new("default", "hello");
        assert_eq!(
            taken(Choice::Believed, &["default/hello"]),
            (Ok(Some(hello.clone())), 0)
        );
        let made = Choice::Made(hello.clone());
        assert_eq!(taken(made, &["default/other"]), (Ok(Some(hello)), 1));
        assert_eq!(taken(Choice::Ignored, &["default/hello"]), (Ok(None), 0));
        assert_eq!(taken(Choice::Untouched, &["default/hello"]), (Ok(None), 1));
        assert_eq!(taken(Choice::Believed, &[]), (Ok(None), 0));
    }

    #[test]
    fn what_names_no_workload_is_refused() {
        for bad in [
            &["hello"][..],
            &["/hello"],
            &["default/"],
            &["a/b/c"],
            &[""],
            &["default/hello", "default/other"],
        ] {
            assert_eq!(taken(Choice::Believed, bad), (Err(()), 0), "{bad:?}");
        }
        let ignored = taken(Choice::Ignored, &["nonsense", "twice"]);
        assert_eq!(ignored, (Ok(None), 0), "nobody's business");
    }
}
