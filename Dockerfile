# docker build -t tagwerk .
# docker run -p 8080:8080 -v tagwerk:/data -e TAGWERK_PUBLIC_URL=https://scan.example.com tagwerk
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -o /out/tagwerk ./cmd/tagwerk
RUN mkdir -m 0700 /out/data && mkdir -m 1777 /out/tmp

FROM scratch
# FCM is reached over TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/tagwerk /tagwerk
# A new volume takes its owner from the folder; the number stands for nobody in particular, and Kubernetes can check that it is not root.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
USER 65532:65532
ENV TAGWERK_LISTEN=0.0.0.0:8080 TAGWERK_DATA=/data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/tagwerk"]
CMD ["serve"]
