"""Made from schema/openapi.yaml by sdk/python/tools/generate_types.py: change that, not this."""
