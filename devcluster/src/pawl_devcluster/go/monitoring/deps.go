//go:build deps

// Package monitoring pins the module that the ServiceMonitor and PrometheusRule CRDs are generated from.
package monitoring

import _ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
