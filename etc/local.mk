# Files of etc/. They are documentation: make install never writes into a running configuration.
dist_doc_DATA += etc/ema.conf
examplesdir = $(docdir)/examples
dist_examples_DATA = etc/examples/azure.conf etc/examples/keycloak.conf etc/examples/okta.conf etc/examples/people.conf
companyexamplesdir = $(examplesdir)/company
dist_companyexamples_DATA = etc/examples/company/ema.conf etc/examples/company/expectations.conf etc/examples/company/people.conf \
	etc/examples/company/figma.tools etc/examples/company/gateway.tools etc/examples/company/github.tools etc/examples/company/jira.tools \
	etc/examples/company/postgres.tools etc/examples/company/slack.tools
systemdexamplesdir = $(examplesdir)/systemd
dist_systemdexamples_DATA = etc/systemd/emad.service etc/systemd/emad.socket
proxyexamplesdir = $(examplesdir)/proxies
dist_proxyexamples_DATA = etc/proxies/Caddyfile etc/proxies/haproxy.cfg etc/proxies/nginx.conf etc/proxies/mcp-Caddyfile \
	etc/proxies/mcp-haproxy.cfg etc/proxies/mcp-haproxy.lua etc/proxies/mcp-nginx.conf \
	etc/proxies/mcp-apache.conf etc/proxies/mcp-envoy.yaml etc/proxies/mcp-traefik.yaml
