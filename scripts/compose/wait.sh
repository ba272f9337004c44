#!/usr/bin/env bash
# wait.sh [SECONDS]: waits until every container of the project is up and, where it has a health check, healthy.
set -euo pipefail
cd "$(dirname "$0")/../.."

deadline=$((SECONDS + ${1:-60}))
states() {
  scripts/compose/compose.sh ps -aq | xargs docker inspect --format \
    '{{.Name}} {{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}'
}
while :; do
  waiting=$(states | grep -vE ' (healthy|running)$' || true)
  [ -n "$waiting" ] || exit 0
  if [ $SECONDS -ge $deadline ] || grep -qE ' (unhealthy|exited|dead)$' <<<"$waiting"; then
    printf 'not ready:\n%s\n' "$waiting" >&2
    exit 1
  fi
  sleep 0.5
done
