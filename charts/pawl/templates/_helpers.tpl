{{/* Names, labels, images and the security of a pod: written once, used by every template. */}}

{{- define "pawl.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "pawl.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "pawl.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pawl.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Arguments of the helpers below: dict "root" $ "part" "collector". */}}
{{- define "pawl.part.name" -}}
{{ include "pawl.fullname" .root }}-{{ .part }}
{{- end -}}

{{- define "pawl.part.selector" -}}
app.kubernetes.io/name: {{ include "pawl.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "pawl.labels" -}}
app.kubernetes.io/name: {{ include "pawl.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: pawl
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
pawl.dev/environment: {{ .Values.environment | quote }}
{{- end -}}

{{- define "pawl.part.labels" -}}
{{ include "pawl.labels" .root }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "pawl.part.image" -}}
{{ include "pawl.image" (dict "root" .root "image" (index .root.Values .part).image) }}
{{- end -}}

{{/* The reference of an image: dict "root" $ "image" (repository, tag, digest). */}}
{{- define "pawl.image" -}}
{{- $image := .image -}}
{{- $name := $image.repository -}}
{{- with .root.Values.global.imageRegistry -}}
{{- $name = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^(localhost|[^/]*[.:][^/]*)/" $name "") -}}
{{- end -}}
{{- if $image.digest -}}
{{ $name }}@{{ $image.digest }}
{{- else -}}
{{ $name }}:{{ default .root.Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- define "pawl.part.serviceAccountName" -}}
{{- default (include "pawl.part.name" .) (index .root.Values .part).serviceAccount.name -}}
{{- end -}}

{{- define "pawl.part.serviceAccount" -}}
{{- if not (index .root.Values .part).serviceAccount.name -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "pawl.part.serviceAccountName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "pawl.part.labels" . | nindent 4 }}
  {{- with (index .root.Values .part).serviceAccount.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}
{{- end -}}

{{/* Metadata of a pod: labels, scrape annotations, the user's own. */}}
{{- define "pawl.part.podMetadata" -}}
{{- $values := index .root.Values .part -}}
labels:
  {{- include "pawl.part.labels" . | nindent 2 }}
  {{- with include "pawl.part.databaseLabel" . }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  kubectl.kubernetes.io/default-container: {{ .part }}
  {{- if .root.Values.metrics.scrapeAnnotations }}
  prometheus.io/scrape: "true"
  prometheus.io/port: "8080"
  prometheus.io/path: /metrics
  {{- end }}
  {{- with $values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What every pod of the chart has in common: who it runs as and where. */}}
{{- define "pawl.part.podSpec" -}}
{{- $values := index .root.Values .part -}}
serviceAccountName: {{ include "pawl.part.serviceAccountName" . }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "pawl.part.affinity" . }}
{{- end -}}

{{/*
The user's affinity, and beside a SQLite claim the node of the other pod that mounts it: such a claim attaches to one
node at a time. Collector and monitor ask for the same label and carry it, so either may come first: Kubernetes places
a pod that matches its own required terms where no pod matches yet. That holds for all its terms together, so one more
required term of the user's could keep both pending for ever.
*/}}
{{- define "pawl.part.affinity" -}}
{{- $affinity := deepCopy (default dict (index .root.Values .part).affinity) -}}
{{- $required := "requiredDuringSchedulingIgnoredDuringExecution" -}}
{{- with include "pawl.part.databaseLabel" . -}}
{{- $pods := default dict $affinity.podAffinity -}}
{{- if get $pods $required -}}
{{- fail (printf "%s.affinity.podAffinity.%s cannot be kept together with the one that SQLite's claim needs: prefer instead of require, use nodeAffinity, or set database.existingSecret.name to a Postgres" $.part $required) -}}
{{- end -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (fromYaml .)) -}}
{{- $affinity = merge (dict "podAffinity" (merge (dict $required (list $term)) $pods)) $affinity -}}
{{- end -}}
{{- with $affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
How a Deployment replaces its pods; the argument says whether old and new may run side by side. The API server's own
defaults are spelled out: Helm takes away only what it has set, and Recreate beside a filled-in rollingUpdate is refused.
*/}}
{{- define "pawl.strategy" -}}
{{- if . -}}
{type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}
{{- else -}}
{type: Recreate}
{{- end -}}
{{- end -}}

{{/* Image, ports, probes and security of a container. Readiness and liveness mean what the process says of itself. */}}
{{- define "pawl.part.container" -}}
{{- $values := index .root.Values .part -}}
name: {{ .part }}
image: {{ include "pawl.part.image" . }}
imagePullPolicy: {{ $values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
ports:
  - {name: http, containerPort: 8080}
startupProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 1
  failureThreshold: 120
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 2
  timeoutSeconds: 2
resources: {{- toYaml $values.resources | nindent 2 }}
{{- end -}}

{{/* SQLite unless a Secret names a Postgres. */}}
{{- define "pawl.sqlite" -}}
{{- if not .Values.database.existingSecret.name -}}true{{- end -}}
{{- end -}}

{{/* The label of the pods that mount the SQLite claim; empty for all others, and for all with Postgres. */}}
{{- define "pawl.part.databaseLabel" -}}
{{- if and (has .part (list "collector" "monitor")) (include "pawl.sqlite" .root) -}}
pawl.dev/database: {{ include "pawl.fullname" .root | quote }}
{{- end -}}
{{- end -}}

{{- define "pawl.databaseClaim" -}}
{{- default (printf "%s-database" (include "pawl.fullname" .)) .Values.database.sqlite.existingClaim -}}
{{- end -}}

{{- define "pawl.databaseEnv" -}}
{{- if include "pawl.sqlite" . -}}
- {name: PAWL_DATABASE_URL, value: "sqlite:////var/lib/pawl/pawl.db"}
{{- else -}}
- name: PAWL_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.database.existingSecret.name }}, key: {{ .Values.database.existingSecret.key }}}
{{- end -}}
{{- end -}}

{{- define "pawl.sqliteVolume" -}}
{{- if include "pawl.sqlite" . -}}
- name: database
  persistentVolumeClaim: {claimName: {{ include "pawl.databaseClaim" . }}}
{{- end -}}
{{- end -}}

{{/* Milliseconds of a duration that the schema has let through, such as 1m30s. */}}
{{- define "pawl.milliseconds" -}}
{{- $sizes := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 -}}
{{- $total := 0 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" . -1 -}}
{{- $number := regexFind "^[0-9]+" . -}}
{{- $total = add $total (mul (int64 $number) (get $sizes (trimPrefix $number .))) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{/* The Lease by which one replica leads: named after the part, so that two releases in a namespace share none. */}}
{{- define "pawl.leaseEnv" -}}
- name: PAWL_LEASE_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- {name: PAWL_LEASE_NAME, value: {{ include "pawl.part.name" . | quote }}}
{{- end -}}

{{/*
A Role in the chart's own namespace for that Lease. Reading and writing are bound to its name, so that the monitor
cannot overwrite the operator's; create cannot be (the API server knows no name yet), and overwrites nothing.
*/}}
{{- define "pawl.leaseAccess" -}}
{{- if .root.Values.rbac.create }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ include "pawl.part.name" . }}-lease
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "pawl.part.labels" . | nindent 4 }}
rules:
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [create]
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    resourceNames: [{{ include "pawl.part.name" . | quote }}]
    verbs: [get, update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ include "pawl.part.name" . }}-lease
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "pawl.part.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "pawl.part.name" . }}-lease
subjects:
  - {kind: ServiceAccount, name: {{ include "pawl.part.serviceAccountName" . }}, namespace: {{ .root.Release.Namespace }}}
{{- end }}
{{- end -}}
