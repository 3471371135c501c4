//! The link over the network: gRPC with mutual TLS between every proxy and every scaler.
