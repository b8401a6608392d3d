module pawl.dev/devcluster/discovery

go 1.24.0
