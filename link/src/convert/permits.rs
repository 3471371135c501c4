//! Permits.

use rouse_api::link::{Account, Given, Granted, Owned, OwnedOf, Recall};

use super::Malformed;
use super::field::{each, endpoint, read_duration, workload, write_duration};
use crate::wire;

type Result<T> = std::result::Result<T, Malformed>;

pub(super) fn write_owned(owned: &Owned) -> wire::Owned {
    wire::Owned {
        term: owned.term,
        sequence: owned.sequence,
        whole: owned.whole,
        workloads: owned.workloads.iter().map(write_part).collect(),
    }
}

fn write_part(part: &OwnedOf) -> wire::OwnedOf {
    let account = |account: &Account| wire::Account {
        endpoint: account.endpoint.0.as_ref().to_owned(),
        number: account.number,
        owned: account.owned,
        granted: account.granted,
    };
    wire::OwnedOf {
        workload: part.workload.as_str().to_owned(),
        sequence: part.sequence,
        whole: part.whole,
        wanted: part.wanted,
        oldest_ns: write_duration(part.oldest),
        returned: part.returned,
        accounts: part.accounts.iter().map(account).collect(),
    }
}

pub(super) fn read_owned(owned: wire::Owned) -> Result<Owned> {
    Ok(Owned {
        term: owned.term,
        sequence: owned.sequence,
        whole: owned.whole,
        workloads: each(owned.workloads, read_part)?,
    })
}

fn read_part(part: wire::OwnedOf) -> Result<OwnedOf> {
    let account = |account: wire::Account| {
        Ok(Account {
            endpoint: endpoint("permits.workloads.accounts.endpoint", &account.endpoint)?,
            number: account.number,
            owned: account.owned,
            granted: account.granted,
        })
    };
    Ok(OwnedOf {
        workload: workload("permits.workloads.workload", &part.workload)?,
        sequence: part.sequence,
        whole: part.whole,
        wanted: part.wanted,
        oldest: read_duration(part.oldest_ns),
        returned: part.returned,
        accounts: each(part.accounts, account)?,
    })
}

pub(super) fn write_granted(granted: &Granted) -> wire::Granted {
    let given = |given: &Given| wire::Given {
        endpoint: given.endpoint.0.as_ref().to_owned(),
        number: given.number,
        granted: given.granted,
        most: given.most,
    };
    wire::Granted {
        workload: granted.workload.as_str().to_owned(),
        term: granted.term,
        recall_until: granted.recall.until,
        recall_oldest_ns: write_duration(granted.recall.oldest),
        given: granted.given.iter().map(given).collect(),
    }
}

pub(super) fn read_granted(granted: wire::Granted) -> Result<Granted> {
    let given = |given: wire::Given| {
        Ok(Given {
            endpoint: endpoint("permits.given.endpoint", &given.endpoint)?,
            number: given.number,
            granted: given.granted,
            most: given.most,
        })
    };
    Ok(Granted {
        workload: workload("permits.workload", &granted.workload)?,
        term: granted.term,
        recall: Recall {
            until: granted.recall_until,
            oldest: read_duration(granted.recall_oldest_ns),
        },
        given: each(granted.given, given)?,
    })
}
