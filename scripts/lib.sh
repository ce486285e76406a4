# What the scripts share; sourced, never run.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
cd "$root"
export HAVEN_ROOT=$root
state=$root/.haven
lab=$state/lab

# The clients and resource types that are generated from AWS's models are most of what is compiled here, and none of
# what is slow at run time: without inlining they compile in half the time (docs/decisions/toolchain.md). Every go
# command of the project says so, or what one has compiled would not serve the other.
for generated in github.com/aws/aws-sdk-go-v2/service/... github.com/pulumi/pulumi-aws/sdk/v6/go/aws/...; do
  case " ${GOFLAGS:-} " in
    *" -gcflags=$generated=-l "*) ;;
    *) export GOFLAGS="${GOFLAGS:+$GOFLAGS }-gcflags=$generated=-l" ;;
  esac
done

begun=$SECONDS
breakdown=()

# step NAME COMMAND… runs a command, tells how long it took, and remembers that for the breakdown.
step() {
  local name=$1 from=$SECONDS
  shift
  printf '==> %s\n' "$name" >&2
  "$@" || { local code=$?; printf '==> %s failed after %s s\n' "$name" $((SECONDS - from)) >&2; return $code; }
  breakdown+=("$(printf '%-46s %5d s' "$name" $((SECONDS - from)))")
  printf '==> %s: %s s\n' "$name" $((SECONDS - from)) >&2
}

print_breakdown() {
  printf '\nTime, by step\n' >&2
  printf '  %s\n' "${breakdown[@]}" >&2
  printf '  %-46s %5d s\n' 'all' $((SECONDS - begun)) >&2
}

# use_toolchain puts Pulumi, its plugins and haven on the PATH, with the lab's own state backend.
use_toolchain() {
  # shellcheck source=/dev/null
  . "$state/env"
  # The provider writes what it hands on as files into the folder for temporary ones, and leaves it there.
  export TMPDIR=$state/tmp
  mkdir -p "$lab/pulumi" "$TMPDIR"
  chmod 700 "$lab" "$lab/pulumi" "$TMPDIR"
  # Without metadata: Pulumi replaces the state's file at once, but not the one with the metadata beside it, and a state
  # with half of that can't be read.
  local own="file://$lab/pulumi?metadata=skip"
  export PULUMI_BACKEND_URL=${PULUMI_BACKEND_URL:-$own}
  # The lab's state is a folder that only its owner can read, and guards nothing but the lab itself.
  if [ "$PULUMI_BACKEND_URL" = "$own" ]; then
    export PULUMI_CONFIG_PASSPHRASE=${PULUMI_CONFIG_PASSPHRASE-haven-lab}
  fi
}

require_privileges() {
  [ "$(uname -s)" = Linux ] || { echo "$1: the lab needs Linux; this is $(uname -s)." >&2; exit 1; }
  [ "$(id -u)" = 0 ] || {
    echo "$1: the lab runs machines in network namespaces, which needs root. Type: sudo -E $root/scripts/$1" >&2
    exit 1
  }
}

# running names the processes that run one of the given files of this clone's, one each line.
running() {
  local process exe pattern
  for process in /proc/[0-9]*; do
    exe=$(readlink "$process/exe" 2>/dev/null) || continue
    for pattern; do
      # shellcheck disable=SC2053
      if [[ $exe == "$state"/$pattern ]]; then printf '%s\n' "${process#/proc/}"; fi
    done
  done
}

# end_orphans ends this clone's provider plugins and language hosts that outlived a killed Pulumi.
end_orphans() {
  local process
  for process in $(running 'pulumi/plugins/*' 'bin/pulumi-language-*'); do
    [ "$(awk '{print $4}' "/proc/$process/stat" 2>/dev/null)" != 1 ] || kill -KILL "$process" 2>/dev/null || true
  done
}

# A Pulumi that was killed leaves its lock and the operations that it had begun; adopt looks up their outcome. One that is at
# work is left alone, and its lock with it.
take_over() {
  local process
  for process in $(running bin/pulumi); do
    ! grep -qsr "\"pid\": *$process\b" "$lab/pulumi/.pulumi/locks" || {
      echo "A Pulumi is at work on the lab's stack: process $process. Wait until it has ended, or end it and try again: kill $process" >&2
      return 1
    }
  done
  end_orphans
  pulumi cancel --yes -s lab >/dev/null 2>&1 || true
  haven adopt -s lab
}
