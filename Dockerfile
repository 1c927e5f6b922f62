# The action, a slim variant of it, and the webhook server. The last stage, which
# is built when none is named, is the one that action.yml runs.
#
# A base may carry a digest: --build-arg NODE_IMAGE=node:22-bookworm-slim@sha256:…
# Nothing here needs BuildKit; with it, SOURCE_DATE_EPOCH and
# --output type=image,rewrite-timestamp=true give the same bytes every time.
ARG GO_IMAGE=golang:1.26-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim

# Static binaries, compiled on the machine's own architecture for the target's.
FROM --platform=${BUILDPLATFORM:-linux/amd64} ${GO_IMAGE} AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY runner runner
COPY checks checks
ENV CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false -mod=readonly"
# Nearly all of it is in both programs: who builds both images compiles it once.
ARG TARGETOS
ARG TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build ./runner/...

# A post-entrypoint is a path without arguments, so the post part of the action has
# a name of its own.
FROM source AS build
ARG COMMAND=deploy-action
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN mkdir -p -m 1777 /root-of/tmp \
 && mkdir -p /root-of/etc/ssl/certs /root-of/usr/local/bin /data \
 && cp -L /etc/ssl/certs/ca-certificates.crt /root-of/etc/ssl/certs/ \
 && GOOS=$TARGETOS GOARCH=$TARGETARCH go build -ldflags "-s -w -buildid= -X main.version=$VERSION" -o /root-of/usr/local/bin/ "./cmd/$COMMAND" \
 && ln -s "$COMMAND" "/root-of/usr/local/bin/$COMMAND-post"

# The server that puts a failed release back; it keeps its queue in /data. It wants
# --build-arg COMMAND=rollback-webhook, because builders without BuildKit go
# through all stages, and the action should not wait for two programs.
FROM scratch AS webhook
COPY --from=build /root-of/ /
COPY --from=build --chown=65532:65532 /data /data
ENV TMPDIR=/tmp
WORKDIR /data
VOLUME /data
USER 65532:65532
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="deploy-action webhook" \
      org.opencontainers.image.description="Rolls back a release of Cloudflare Workers when its deployment fails" \
      org.opencontainers.image.source="https://github.com/tminus/deploy-action" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/local/bin/rollback-webhook", "--health"]
ENTRYPOINT ["/usr/local/bin/rollback-webhook"]

# The program alone, for workflows that install and build beforehand.
FROM scratch AS slim
COPY --from=build /root-of/ /
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="deploy-action slim" \
      org.opencontainers.image.description="Promotes a monorepo of Cloudflare Workers that is built already through gated stages" \
      org.opencontainers.image.source="https://github.com/tminus/deploy-action" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
ENTRYPOINT ["/usr/local/bin/deploy-action"]

# The action: the program, and what a project's install and build commands need.
# It runs as root, because the runner mounts a workspace of somebody else's.
FROM ${NODE_IMAGE} AS action
# A day such as 20261101T000000Z takes Debian's packages as they were on it.
ARG DEBIAN_SNAPSHOT=
RUN set -eu; \
    if [ -n "$DEBIAN_SNAPSHOT" ]; then \
      sed -i "s,http://deb.debian.org/,http://snapshot.debian.org/archive/,; /^URIs:/s,\$,/$DEBIAN_SNAPSHOT," /etc/apt/sources.list.d/debian.sources; \
    fi; \
    apt-get -o Acquire::Check-Valid-Until=false update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache
# pnpm changes itself into the version of a project's packageManager field, and
# corepack does that for yarn. It brings a pnpm of its own, which ours replaces.
ARG COREPACK=0.34.7
ARG PNPM=10.34.9
RUN npm install --global --force --ignore-scripts --no-audit --no-fund --no-update-notifier "corepack@$COREPACK" \
 && npm install --global --force --ignore-scripts --no-audit --no-fund --no-update-notifier "pnpm@$PNPM" \
 && rm -rf /root/.npm /root/.cache /tmp/*
# The workspace belongs to the runner's user, which git would not trust.
ENV COREPACK_ENABLE_DOWNLOAD_PROMPT=0 \
    GIT_CONFIG_COUNT=1 \
    GIT_CONFIG_KEY_0=safe.directory \
    GIT_CONFIG_VALUE_0=*
COPY --from=build /root-of/usr/local/bin/ /usr/local/bin/
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="deploy-action" \
      org.opencontainers.image.description="Promotes a monorepo of Cloudflare Workers through gated stages" \
      org.opencontainers.image.source="https://github.com/tminus/deploy-action" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
ENTRYPOINT ["/usr/local/bin/deploy-action"]
