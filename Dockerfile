# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=""
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/usher ./cmd/usher \
    && mkdir -p /out/data

# No shell, no package manager, a user without rights.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/usher /usr/local/bin/usher
COPY --from=build --chown=nonroot:nonroot --chmod=0700 /out/data /data
ENV USHER_LISTEN=0.0.0.0:8080 \
    USHER_DATA_DIR=/data
VOLUME /data
WORKDIR /etc/usher
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
    CMD ["usher", "health"]
ENTRYPOINT ["usher"]
CMD ["serve"]
