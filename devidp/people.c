#include "devidp.h"

#include <json-c/json.h>
#include <string.h>

/* Two companies: alice, bob and erin are employees of acme.example; carol and dan come from partner.example. */
static const char built_in[] =
	"["
	"{\"user\":\"alice\",\"sub\":\"00u1alice0devidp00a1\",\"oid\":\"a11ce000-0000-4000-8000-000000000001\",\"email\":\"alice@acme.example\","
	"\"name\":\"Alice Archer\",\"groups\":[\"engineering\",\"everyone\"],\"roles\":[\"mcp.admin\"]},"
	"{\"user\":\"bob\",\"sub\":\"00u1bob000devidp00b2\",\"oid\":\"b0b00000-0000-4000-8000-000000000002\",\"email\":\"bob@acme.example\","
	"\"name\":\"Bob Baker\",\"groups\":[\"sales\",\"everyone\"],\"roles\":[]},"
	"{\"user\":\"erin\",\"sub\":\"00u1erin00devidp00e5\",\"oid\":\"e0000000-0000-4000-8000-000000000005\",\"email\":\"erin@acme.example\","
	"\"name\":\"Erin Eastman\",\"groups\":[\"everyone\"],\"roles\":[]},"
	"{\"user\":\"carol\",\"sub\":\"00u1carol0devidp00c3\",\"oid\":\"ca401000-0000-4000-8000-000000000003\",\"email\":\"carol@partner.example\","
	"\"name\":\"Carol Carver\",\"groups\":[\"0f5a9d30-5a5c-4a43-9a0c-000000000001\"],\"roles\":[\"mcp.reader\"]},"
	"{\"user\":\"dan\",\"sub\":\"00u1dan000devidp00d4\",\"oid\":\"da400000-0000-4000-8000-000000000004\",\"email\":\"dan@partner.example\","
	"\"name\":\"Dan Dyer\",\"groups\":[],\"roles\":[]}"
	"]";

json_object *people_load(const char *path, struct failure *failure)
{
	json_object *people = path ? json_object_from_file(path) : json_tokener_parse(built_in);
	int good = json_object_is_type(people, json_type_array);

	for (size_t i = 0; good && i < json_object_array_length(people); i++) {
		json_object *person = json_object_array_get_idx(people, i);
		good = json_object_is_type(person, json_type_object) && json_object_object_get_ex(person, "user", NULL) &&
		       json_object_object_get_ex(person, "sub", NULL);
	}
	if (good)
		return people;
	json_object_put(people);
	failure_set(failure, EMA_CONFIG, "%s: must be a JSON array of people, each with \"user\" and \"sub\", as devidp(1) shows",
	            path ? path : "built-in people");
	return NULL;
}

json_object *people_find(json_object *people, const char *user)
{
	for (size_t i = 0; i < json_object_array_length(people); i++) {
		json_object *person = json_object_array_get_idx(people, i), *name = NULL;
		if (json_object_object_get_ex(person, "user", &name) && !strcmp(json_object_get_string(name), user))
			return person;
	}
	return NULL;
}
