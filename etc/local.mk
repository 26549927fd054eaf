# Files of etc/. They are documentation: make install never writes into a running configuration.
dist_doc_DATA += etc/ema.conf
examplesdir = $(docdir)/examples
dist_examples_DATA = etc/examples/azure.conf etc/examples/keycloak.conf etc/examples/okta.conf etc/examples/people.conf
companyexamplesdir = $(examplesdir)/company
dist_companyexamples_DATA = etc/examples/company/ema.conf etc/examples/company/expectations.conf etc/examples/company/people.conf
systemdexamplesdir = $(examplesdir)/systemd
dist_systemdexamples_DATA = etc/systemd/emad.service etc/systemd/emad.socket
proxyexamplesdir = $(examplesdir)/proxies
dist_proxyexamples_DATA = etc/proxies/Caddyfile etc/proxies/haproxy.cfg etc/proxies/nginx.conf etc/proxies/mcp-Caddyfile \
	etc/proxies/mcp-haproxy.cfg etc/proxies/mcp-haproxy.lua etc/proxies/mcp-nginx.conf \
	etc/proxies/mcp-apache.conf etc/proxies/mcp-envoy.yaml etc/proxies/mcp-traefik.yaml
