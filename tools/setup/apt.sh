# Installs the packages named as arguments, without starting the services in them: the lab runs its own HAProxy and
# PostgreSQL. invoke-rc.d asks /usr/sbin/policy-rc.d before it starts anything; 101 means no (Debian Policy 9.3.3).
# Somebody else's policy stays as it is. Ours goes when this script ends, and if this script is killed it removes
# itself when it is asked the next time.
set -eu
policy=${HAVEN_POLICY_RC_D:-/usr/sbin/policy-rc.d} # another one in tests
mark='Written by haven setup'
mine() { grep -qs "$mark" "$policy"; }
if mine; then rm -f "$policy"; fi
trap 'if mine; then rm -f "$policy"; fi' EXIT
trap 'exit 143' HUP INT TERM
if [ ! -e "$policy" ]; then
  cat >"$policy.$$" <<POLICY
#!/bin/sh
# $mark
if kill -0 $$ 2>/dev/null; then exit 101; fi
rm -f "\$0"
POLICY
  chmod +x "$policy.$$"
  mv "$policy.$$" "$policy"
fi
apt-get install --yes --no-install-recommends "$@" ||
  { apt-get update && apt-get install --yes --no-install-recommends "$@"; }
