"""What Prefect makes of settings, for comparison. Prints JSON.

table: all settings of Prefect, with their names and defaults.
settings: the settings of this process, as variables.
profiles: the profiles of this process.
write NAME KEY=VALUE..: adds a profile to the file of profiles.
use NAME OVERRIDE INCLUDE: the settings under a profile.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import prefect.settings as prefect_settings
from prefect.context import root_settings_context, use_profile
from prefect.settings.base import PrefectBaseSettings, _to_environment_variable_value
from prefect.settings.models.root import Settings


def fields(model, path=()):
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, PrefectBaseSettings):
            yield from fields(kind, (*path, name))
        else:
            yield model, (*path, name), field


def table():
    rows = {}
    for model, path, field in fields(Settings):
        choices = getattr(field.validation_alias, "choices", None)
        if choices:
            names = [choice.upper() for choice in choices if isinstance(choice, str)]
        else:
            names = [f"{model.model_config['env_prefix']}{path[-1].upper()}"]
        default = None if field.default_factory else field.default
        rows[".".join(path)] = {
            "names": names,
            "default": None if default is None else text(default),
            "is_secret": "SecretStr" in str(field.annotation),
        }
    return rows


def text(value):
    try:
        return _to_environment_variable_value(value)
    except TypeError:  # a setting of the server's that has no JSON form
        return str(value)


def variables():
    return prefect_settings.get_current_settings().to_environment_variables()


def main(action, *arguments):
    if action == "table":
        return table()
    if action == "settings":
        return {"profile": root_settings_context().profile.name, "variables": variables()}
    if action == "profiles":
        profiles = prefect_settings.load_profiles()
        return {
            "active": profiles.active_name,
            "profiles": {name: profiles[name].to_environment_variables() for name in profiles},
        }
    if action == "write":
        name, *pairs = arguments
        profiles = prefect_settings.load_profiles()
        profiles.update_profile(name, dict(pair.split("=", 1) for pair in pairs))
        profiles.set_active(name)
        prefect_settings.save_profiles(profiles)
        return {}
    if action == "use":
        name, override, include = arguments
        with use_profile(
            name,
            override_environment_variables=override == "true",
            include_current_context=include == "true",
        ):
            return variables()
    raise ValueError(action)


print(json.dumps(main(*sys.argv[1:])))
