{{- define "rouse.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "rouse.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "rouse.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "rouse.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- end -}}

{{- define "rouse.probes" -}}
livenessProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 2
  timeoutSeconds: 2
{{- end -}}

{{- /* Given: values, Values of the part, part (its name), metrics. */ -}}
{{- define "rouse.podAnnotations" -}}
{{- $annotations := dict -}}
{{- if .values.monitoring.prometheusAnnotations -}}
{{- $_ := set $annotations "prometheus.io/scrape" "true" -}}
{{- $_ := set $annotations "prometheus.io/port" "9090" -}}
{{- $_ := set $annotations "prometheus.io/path" "/metrics" -}}
{{- end -}}
{{- if .values.monitoring.datadog.enabled -}}
{{- $instance := dict "openmetrics_endpoint" "http://%%host%%:9090/metrics" "namespace" "" "metrics" (.metrics | uniq | sortAlpha) -}}
{{- $check := dict "openmetrics" (dict "init_config" dict "instances" (list $instance)) -}}
{{- $_ := set $annotations (printf "ad.datadoghq.com/%s.checks" .part) (toJson $check) -}}
{{- end -}}
{{- $annotations = merge (deepCopy .own) $annotations -}}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- /* Given: own (values of the part), name (value of the label). */ -}}
{{- define "rouse.scheduling" -}}
{{- with .own.spreadOver }}
topologySpreadConstraints:
{{- range . }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {app.kubernetes.io/name: {{ $.name }}}
{{- end }}
{{- end }}
{{- with .own.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.tolerations }}
tolerations: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .own.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- /* What the scaler may do where workloads are. */ -}}
{{- define "rouse.workloadRules" -}}
# What shall scale, and what Rouse says about it.
- apiGroups: [rouse.dev]
  resources: [scaledworkloads]
  verbs: [get, list, watch]
- apiGroups: [rouse.dev]
  resources: [scaledworkloads/status]
  verbs: [patch]
# Where replicas are, which requests they take, and why they don't come up.
- apiGroups: [""]
  resources: [pods, services, events]
  verbs: [get, list, watch]
# What happens to them, as Events for `kubectl describe`; without it none are written.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
# Counts, selectors, who has changed them.
- apiGroups: [apps]
  resources: [deployments, statefulsets, replicasets]
  verbs: [get, list, watch]
{{- with .Values.scaler.kinds }}
- apiGroups: [apps]
  resources: [{{ range $at, $kind := . }}{{ if $at }}, {{ end }}{{ $kind }}/scale{{ end }}]
  verbs: [get, patch]
{{- end }}
{{- range .Values.scaler.customTargets }}
- apiGroups: [{{ .group }}]
  resources: [{{ .resource }}]
  verbs: [get, list, watch]
- apiGroups: [{{ .group }}]
  resources: [{{ .resource }}/scale]
  verbs: [get, patch]
{{- end }}
# What Pods use, for triggers by cpu and memory.
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [get, list]
# Others that scale: Rouse never works against them.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch]
{{- end -}}
