"""What is done before anybody comes: ``labcapture stimuli ...`` and ``labcapture protocol ...``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labcapture.cli.common import Json, print_json, terminal

stimuli = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The films of the stimuli manifest.")
protocols = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Protocol files.")

ManifestPath = Annotated[Path, typer.Option(help="Stimuli manifest.")]
FilmFolder = Annotated[Path | None, typer.Option(help="Folder of the films; 'stimuli' beside the manifest if absent.")]
ShownBy = Annotated[Path | None, typer.Option(help="Only what this protocol shows.")]
Clips = Annotated[list[str] | None, typer.Option(help="Only this clip (may be repeated).")]
_MANIFEST = Path("stimuli_manifest.yaml")


@stimuli.command()
def placeholders(
    manifest: ManifestPath = _MANIFEST,
    out: FilmFolder = None,
    protocol: ShownBy = None,
    clip: Clips = None,
    seconds: Annotated[float | None, typer.Option(help="Cut longer films to this length.")] = None,
    as_json: Json = False,
) -> None:
    """Make films of the right length with counted frames, an emotion label and a tone. Nothing is overwritten."""
    from labcapture.cli.stimuli import make_films

    made = make_films(manifest, out or manifest.parent / "stimuli", protocol, clip, seconds, terminal)
    if as_json:
        print_json(made)


@stimuli.command("check")
def check_stimuli(
    manifest: ManifestPath = _MANIFEST,
    stimuli: FilmFolder = None,
    protocol: ShownBy = None,
    clip: Clips = None,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Placeholders will do.")] = False,
    as_json: Json = False,
) -> None:
    """Play each film to its end and hold it against the manifest; exit 0 only if all are well."""
    from labcapture.cli.stimuli import check

    result = check(manifest, stimuli or manifest.parent / "stimuli", protocol, clip, rehearsal, terminal)
    if as_json:
        print_json(result)
    raise typer.Exit(0 if result["well"] else 1)


@stimuli.command("select")
def select_stimuli(
    manifest: ManifestPath = _MANIFEST,
    protocol: ShownBy = None,
    clip: Clips = None,
    share: Annotated[float, typer.Option(help="Least share of the raters that chose the word.")] = 0.7,
    mean: Annotated[float, typer.Option(help="The mean intensity must be above this.")] = 3.5,
    scale: Annotated[tuple[float, float], typer.Option(help="Scale that --mean is meant on.")] = (0, 6),
    margin: Annotated[float, typer.Option(help="Least lead over the second word's share.")] = 0.0,
    raters: Annotated[int, typer.Option(help="Least number of raters.")] = 0,
    as_json: Json = False,
) -> None:
    """Tell which clips their ratings fit to elicit an emotion, and why; exit 0 if there is one."""
    from labcapture.cli.stimuli import choose
    from labcapture.protocol.selection import Rule

    answer, table = choose(manifest, protocol, clip, Rule(share, mean, scale, margin, raters))
    if as_json:
        print_json(answer)
    else:
        Console().print(table)
    raise typer.Exit(0 if answer["selected"] else 1)


@stimuli.command("hash")
def hash_stimuli(
    manifest: ManifestPath = _MANIFEST,
    stimuli: FilmFolder = None,
    protocol: ShownBy = None,
    clip: Clips = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take another film than the manifest's.")] = False,
    as_json: Json = False,
) -> None:
    """Write SHA-256 and length of each film into the manifest; exit 0 if all are known then."""
    from labcapture.cli.stimuli import write_hashes

    result = write_hashes(manifest, stimuli or manifest.parent / "stimuli", protocol, clip, replace, terminal)
    if as_json:
        print_json(result)
    raise typer.Exit(0 if result["well"] else 1)


@protocols.command("check")
def check_protocol(
    file: Annotated[Path, typer.Argument(help="Protocol file.")],
    participant: Annotated[str, typer.Option(help="Whose order is shown.")] = "P001",
    seed: Annotated[int, typer.Option(help="Seed of that order.")] = 0,
    place: Annotated[int, typer.Option(min=0, help="Sessions of this protocol before it: the row of a square.")] = 0,
    stimuli: Annotated[
        Path | None, typer.Option(help="Folder of the films; they are looked for if it is given.")
    ] = None,
    manifest: Annotated[Path | None, typer.Option(help="Stimuli manifest.")] = None,
    as_json: Json = False,
) -> None:
    """Check every reference of a protocol; show its order, how long it takes and the disk space that it needs."""
    from labcapture.cli import protocol

    facts = protocol.check_protocol(file, protocol.Wish(participant, seed, place, stimuli, manifest))
    if as_json:
        print_json(facts)
    else:
        Console().print(protocol.render_check(facts))
    raise typer.Exit(1 if facts["problems"] else 0)


@protocols.command("schema")
def print_protocol_schema() -> None:
    """Print the JSON schema of protocol files, for editors."""
    from labcapture.cli.protocol import protocol_schema

    print(protocol_schema(), end="")
