//! Of which kind of object a workload is made.

use std::sync::Arc;

use rouse_api::resource::{API_VERSION, KIND};
use rouse_convert::keda;
use serde_json::Value;

/// The object that says what is to be scaled.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Origin {
    /// A ScaledWorkload.
    #[default]
    ScaledWorkload,
    /// One of KEDA's.
    Adopted(Arc<Adopted>),
}

/// An object of KEDA that is taken for a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// A ScaledObject, an HTTPScaledObject or an InterceptorRoute.
    pub kind: keda::Kind,
    /// What of it is not carried over, a sentence each with its field.
    pub lost: Vec<String>,
    /// What its status shows beside its conditions, as KEDA names it; an object.
    pub shown: Value,
}

impl Origin {
    /// `apiVersion`, `kind` and the plural by which the API server knows it.
    #[must_use]
    pub fn resource(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ScaledWorkload => (API_VERSION, KIND, "scaledworkloads"),
            Self::Adopted(adopted) => resource(adopted.kind),
        }
    }

    /// `None`: it is a ScaledWorkload.
    #[must_use]
    pub fn adopted(&self) -> Option<&Adopted> {
        match self {
            Self::ScaledWorkload => None,
            Self::Adopted(adopted) => Some(adopted),
        }
    }
}

/// `apiVersion`, `kind` and plural of KEDA's kinds.
#[must_use]
pub fn resource(kind: keda::Kind) -> (&'static str, &'static str, &'static str) {
    const KEDA: &str = "keda.sh/v1alpha1";
    match kind {
        keda::Kind::ScaledObject => (KEDA, "ScaledObject", "scaledobjects"),
        keda::Kind::ScaledJob => (KEDA, "ScaledJob", "scaledjobs"),
        keda::Kind::TriggerAuthentication => {
            (KEDA, "TriggerAuthentication", "triggerauthentications")
        }
        keda::Kind::ClusterTriggerAuthentication => (
            KEDA,
            "ClusterTriggerAuthentication",
            "clustertriggerauthentications",
        ),
        keda::Kind::HttpScaledObject => (
            "http.keda.sh/v1alpha1",
            "HTTPScaledObject",
            "httpscaledobjects",
        ),
        keda::Kind::InterceptorRoute => (
            "http.keda.sh/v1beta1",
            "InterceptorRoute",
            "interceptorroutes",
        ),
    }
}
