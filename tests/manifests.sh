#!/usr/bin/env bash
# Validates what engines and workflows read, each file against its published schema: the manifests for
# Kubernetes, compose files, the stack, the workflows and the action. Then the shell scripts, by shellcheck.
#
# usage: tests/manifests.sh [DIRECTORY], by default the repository
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.tools/bin
cd "${1:-.}"
rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT

# The oldest Kubernetes that the manifests are for, and the newest that there are schemas of.
versions=(1.28 1.37)

failed=0
check() { # COMMAND...
    "$@" >"$rendered/log" 2>&1 || { failed=1; cat "$rendered/log"; echo "failed: $*"; }
}

kubernetes() { # FILE...
    local version
    for version in "${versions[@]}"; do
        check "$tools/kubernetes-validate" --strict --quiet --no-warn --kubernetes-version "$version" "$@"
    done
}

# What is given to a server as it is. Patches and kustomizations are not.
kubernetes deploy/kubernetes/{namespace,tracker,seeder,range,network-policy}.yaml
if command -v kubectl >/dev/null; then
    check kubectl kustomize deploy/kubernetes --output "$rendered/base.yaml"
    mkdir "$rendered/videos"
    cp -R deploy/kubernetes "$rendered/videos/base"
    (cd "$rendered/videos" && printf '%s\n' 'kind: Kustomization' 'resources: [base]' 'components: [base/videos]' >kustomization.yaml)
    check kubectl kustomize "$rendered/videos" --output "$rendered/videos.yaml"
    kubernetes "$rendered/base.yaml" "$rendered/videos.yaml"
else
    echo "kubectl is missing: what kustomize makes of them is not validated"
fi

schema() { # NAME FILE...
    check "$tools/check-jsonschema" --builtin-schema "vendor.$1" "${@:2}"
}
mapfile -t compose_files < <(git ls-files --cached --others --exclude-standard '*compose.yaml' '*/drop_in/*.yaml')
schema compose-spec "${compose_files[@]}" deploy/swarm/stack.yaml
schema github-workflows .github/workflows/*.yml
schema github-actions action.yml

# An action of somebody else's is named by the commit that was read.
if grep -HnE '^[ -]*uses:' .github/workflows/*.yml action.yml | grep -vE 'uses: (\./[^@]*|[^@ ]+@[0-9a-f]{40}( #.*)?)$'; then
    echo "failed: wanted each action pinned by the 40 hex digits of a commit"
    failed=1
fi

# The images of a release are those that are tested, by the targets that there are.
list() { tr ' ' '\n' | sort | xargs; }
release=.github/workflows/release.yml
tested=$(sed -n 's/.*|| set -- \(seedbed-.*\)/\1/p' images/pack.sh | list)
for released in "$(sed -n 's/.*{ name: \(seedbed[^,]*\), target:.*/\1/p' $release | list)" \
    "$(sed -n 's/.*image: \[\(.*\)\]/\1/p' $release | tr -d , | list)"; do
    [ "$released" = "$tested" ] || { failed=1; echo "failed: wanted a release of \"$tested\", got \"$released\""; }
done
while read -r target; do
    grep -q "^FROM .* AS $target$" images/Dockerfile || { failed=1; echo "failed: images/Dockerfile has no target $target"; }
done < <(sed -n 's/.*, target: \([^ ]*\) }/\1/p' $release)

mapfile -t scripts < <(git grep --untracked -lIE '^#!.*\b(ba)?sh$' -- ':!*.md')
check shellcheck "${scripts[@]}"

exit "$failed"
