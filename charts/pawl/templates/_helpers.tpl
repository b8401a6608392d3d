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
{{- $image := (index .root.Values .part).image -}}
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

{{/* A Role in the chart's own namespace for the Lease by which one replica leads. */}}
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
    verbs: [get, create, update]
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
