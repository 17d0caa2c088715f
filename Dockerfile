# An image with the two programs and the three libraries that they are linked with, and nothing else: no shell, no package
# manager, no user but a number. `packaging/test-image` builds and runs it without a daemon. See docs/operator.md.

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# What `packaging/environment` makes of other paths and times, so that the programs are those of `packaging/deb`.
ENV SOURCE_DATE_EPOCH=0 CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=/build/target/package \
    RUSTFLAGS="--remap-path-prefix=/usr/local/cargo=/cargo" CFLAGS="-ffile-prefix-map=/usr/local/cargo=/cargo"
RUN cargo build --profile dist --locked --bins && \
    install -s -D -t /out target/package/dist/ephemeral-server target/package/dist/ephemeral

# The root directory is put together in a Debian that has the libraries, with the tools that the image does not have.
FROM debian:bookworm-slim AS root
COPY --from=build /out/ /root-directory/usr/bin/
RUN set -eu; cd /root-directory; \
    for library in $(ldd usr/bin/* | grep -o '/lib[^ ]*' | sort -u); do install -D "$(realpath "$library")" ".$library"; done; \
    install -d -m 755 etc proc sys dev run; \
    install -d -m 1777 tmp; \
    install -d -m 700 -o 10001 -g 10001 var/lib/ephemeral-server run/ephemeral-server; \
    echo 'ephemeral:x:10001:10001::/var/lib/ephemeral-server:/nonexistent' >etc/passwd; \
    echo 'ephemeral:x:10001:' >etc/group; \
    chmod 755 var var/lib usr usr/bin

FROM scratch
COPY --from=root /root-directory/ /
USER 10001:10001
ENV EPHEMERAL_STATE_DIR=/var/lib/ephemeral-server EPHEMERAL_ADMIN_SOCKET=/run/ephemeral-server/admin.sock
# The keys and Tor's directory of relays; never a message.
VOLUME /var/lib/ephemeral-server
# 0: clients can connect; 3: not yet, or no longer. The first start fetches Tor's directory.
HEALTHCHECK --interval=30s --timeout=15s --start-period=5m --retries=3 CMD ["/usr/bin/ephemeral-server", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/ephemeral-server"]
