//! The addresses of the testbed, all of them local to its namespace.

use std::net::Ipv4Addr;

/// Pods.
pub const PODS: &str = "10.244.0.0/16";
/// Services.
pub const SERVICES: &str = "10.96.0.0/16";
/// The Service `default/kubernetes`: the first address of the range, as the API server takes it.
pub const API_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// DNS: the address that kubeadm gives it.
pub const DNS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// The machine that the control plane runs on, as the cluster sees it: outside of both ranges.
pub const MACHINE: Ipv4Addr = Ipv4Addr::new(10, 243, 0, 1);
/// The API server's port, on every address of the namespace.
pub const API_PORT: u16 = 6443;
/// The cluster's domain.
pub const DOMAIN: &str = "cluster.local";
