//go:build deps

// Package gateway pins the modules that the Gateway API's and Envoy Gateway's CRDs are generated from.
package gateway

import (
	_ "github.com/envoyproxy/gateway/api/v1alpha1"
	_ "sigs.k8s.io/gateway-api/apis/v1"
	_ "sigs.k8s.io/gateway-api/apis/v1alpha2"
	_ "sigs.k8s.io/gateway-api/apis/v1alpha3"
	_ "sigs.k8s.io/gateway-api/apis/v1beta1"
	_ "sigs.k8s.io/gateway-api/apisx/v1alpha1"
)
