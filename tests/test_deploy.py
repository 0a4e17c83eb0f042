"""The manifests have the form that those who read them expect, and the script goes on where it can."""

import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"

# Of kubeflow.org/v1, by the training operator's reference.
RUN_POLICY = {"cleanPodPolicy", "ttlSecondsAfterFinished", "activeDeadlineSeconds", "backoffLimit", "suspend"}
RESTART_POLICIES = {"Always", "OnFailure", "Never", "ExitCode"}


@pytest.fixture
def job() -> dict:
    return yaml.safe_load((DEPLOY / "tfjob.yaml").read_text())


def check(job: dict) -> None:
    """Kubeflow's part by its reference, the pods by Kubernetes' own schema."""
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "TFJob")
    assert job.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert job["spec"].keys() <= {"runPolicy", "tfReplicaSpecs", "successPolicy"}
    assert job["spec"]["runPolicy"].keys() <= RUN_POLICY
    assert job["spec"]["runPolicy"]["cleanPodPolicy"] in {"Running", "All", "None"}
    assert job["spec"]["tfReplicaSpecs"].keys() <= {"Chief", "Worker"}
    for replicas in job["spec"]["tfReplicaSpecs"].values():
        assert replicas.keys() == {"replicas", "restartPolicy", "template"}
        assert isinstance(replicas["replicas"], int)
        assert replicas["restartPolicy"] in RESTART_POLICIES
        assert [container["name"] for container in replicas["template"]["spec"]["containers"]] == ["tensorflow"]
        pods = {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": job["metadata"],
            "template": replicas["template"],
        }
        kubernetes_validate.validate(pods, kubernetes_validate.latest_version(), strict=True)


def test_the_tfjob_has_the_operators_form(job):
    check(job)


def test_a_wrong_field_of_a_pod_is_found(job):
    (container,) = job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    container["port"] = container.pop("ports")
    with pytest.raises(kubernetes_validate.ValidationError, match="'port' was unexpected"):
        check(job)


def test_the_tfjobs_command_is_one_of_the_repository(job):
    (container,) = job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    script, *_ = container["command"]
    assert (DEPLOY.parent / script).stat().st_mode & 0o111
    help_text = (DEPLOY.parent / "gan" / "command_line.py").read_text() + (DEPLOY.parent / "train.py").read_text()
    flags = [word for word in container["args"] if word.startswith("--")]
    assert "--data-path" in flags
    for flag in flags:
        assert f'"{flag}"' in help_text


@pytest.mark.parametrize("name", ["saved", "a b", "-x", "saved[1]*"])
def test_the_script_resumes_a_directory_with_checkpoints_and_no_other(tmp_path, name):
    (tmp_path / "deploy").mkdir()
    copy = shutil.copy(DEPLOY / "train.sh", tmp_path / "deploy")
    stand_in = tmp_path / "train.py"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    (tmp_path / "saved1" / "gan-00000100").mkdir(parents=True)  # What the last name would be as a pattern.

    done = subprocess.run([copy], capture_output=True, text=True, timeout=10)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)

    def flags() -> list[str]:
        done = subprocess.run([copy, name, "--seed", "3"], capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.splitlines()

    (tmp_path / name / "classifier-00000100").mkdir(parents=True)
    assert flags() == ["--save-dir", name, "--seed", "3"]
    (tmp_path / name / "gan-00000100").mkdir()
    assert flags() == ["--save-dir", name, "--resume", "--seed", "3"]
