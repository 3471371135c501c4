//! A real Kubernetes control plane on one machine, whose pods are local processes.
