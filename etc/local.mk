# Files of etc/.
examplesdir = $(docdir)/examples
dist_examples_DATA = etc/examples/azure.conf etc/examples/keycloak.conf etc/examples/okta.conf etc/examples/people.conf
