"""Says whether openapi.json and asyncapi.json in this folder are what their specifications ask for."""

import json
import os
from pathlib import Path

from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

openapi = json.loads(Path("openapi.json").read_text())
OpenAPIV31SpecValidator(openapi).validate()
for name, schema in openapi["components"]["schemas"].items():
    Draft202012Validator.check_schema(schema)

asyncapi = json.loads(Path("asyncapi.json").read_text())
specification = json.loads(Path(os.environ["ASYNCAPI_SCHEMA"]).read_text())
Draft7Validator(specification).validate(asyncapi)
for name, schema in asyncapi["components"]["schemas"].items():
    Draft7Validator.check_schema(schema)

print("valid")
