//go:build deps

// Package ray pins the module that the KubeRay operator and its CRDs are made from.
package ray

import _ "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
