module pawl.dev/devcluster/monitoring

go 1.24.0

require github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring v0.86.2 // indirect
