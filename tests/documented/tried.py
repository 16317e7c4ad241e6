"""How each documented command is tried: a pattern of the command -> the test that runs it.

A command that stands in neither table fails `test_table.py`, and so does a row whose command is
no longer documented. `here::NAME` is a test of `test_commands.py`.
"""

from pgpipe.studies.table import STUDIES

OWN = r"dvc exp run -S dataset\.name=folder -S dataset\.path=/path/to/images"
KEEP = r"mkdir -p starts && cp -rL models/r32 starts/default"
FINETUNE = r"dvc exp run -S dataset\.path=/path/to/images"
LOOK = r"pgpipe data check /path/to/images --page check\.html"
QUEUE = r"dvc exp run --queue -S \.\.\."
STUDIED = "|".join(STUDIES)
ABLATION = r"pgpipe study queue --rows a,b,g --data photos --seeds 1"
SCORE = r"pgpipe score --real FOLDER_OR_NPY --fake FOLDER_OR_NPY --json scores\.json"
DIGITS = r"pgpipe preset mnist-1k-a digits-1k && dvc repro prepare"
MAKE = (
    r"make (repro|test|quick|faults|full|lock|install|install-locked|install PYTHON=\S+)( SEED=1)?"
    r"|pip install 'pgpipe\[\w+\]'"
)
BETWEEN = r"pgpipe walk --between (me\.jpg,you\.jpg|a\.png,b\.png)"  # of an encoder
TEXTS = r"pgpipe (generate|walk) --texts? .*"
DRAWN = (
    rf"(?!{BETWEEN}|{TEXTS})pgpipe (generate|walk|growth|export|project|directions|neighbours) .*"
)
PROJECT = r"pgpipe project"
NO_STDDEV = r"dvc exp run -n no-stddev -S train\.minibatch_stddev=false"
SELECT = r"dvc exp run -S train\.select=best:swd_avg"
COMMIT_OWN = r"git commit -m \"my images\" params\.yaml"
GO_BACK = r"git checkout params\.yaml && dvc repro"
APPLY = r"dvc exp apply no-stddev"
REMOTE = r"dvc remote add -d store /path/or/address"
ADD_RESULTS = r"git add -f dvc\.lock .*"
COMMIT_RESULTS = r"git commit -m \"with results\""
PROCESSES = r"PGPIPE_PROCESSES=\d+ dvc repro"
SHOW_PRESETS = r"pgpipe preset show NAME \[NAME \.\.\.\]"
TWO_PRESETS = r"pgpipe preset table1-g table1-photos"

BENCH = "tests/benchmarks/test_bench"
MEASURED = "tests/benchmarks/test_metrics_and_prepare.py"
LOOKS = "here::test_what_looks_at_a_finished_run_shows_it"
TABLE_1 = "here::test_rows_of_the_paper_are_queued_and_told"
FOLLOWS = "here::test_a_preset_follows_another"
CLONE = "here::test_a_clone_pulls_and_has_nothing_to_do"
MERGES = "here::test_presets_are_shown_and_merged"
IN_A_QUEUE = "here::test_a_queue_of_experiments_on_own_images_ends_in_scores"
STARTED = "here::test_own_images_start_from_a_trained_generator"
JOBS_GO_ON = (
    "tests/experiments/test_jobs.py::"
    "test_killed_and_interrupted_jobs_go_on_and_what_is_done_is_not_run_again"
)
JOBS_OF_SLURM = "tests/experiments/test_jobs.py::test_slurm_gets_an_array_with_what_was_asked_for"
STACK = "tests/faults/test_relatives.py::test_a_stack_of_two_gans_runs_to_its_scores"
RELATIVES = "tests/faults/test_relatives.py::test_it_runs_to_its_scores_and_pictures"
SWITCH = "here::test_one_switch_is_an_experiment"
SHARED_STORE = (
    "tests/faults/test_shared_store.py::"
    "test_three_experiments_of_two_checkouts_lose_and_double_nothing"
)
REMOTES = "tests/faults/test_remotes.py::test_a_bucket_is_a_remote"

TRIED = {
    OWN: "here::test_own_images_in_class_folders_run_to_scores_and_a_page",
    KEEP: STARTED,
    r"pgpipe preset finetune": STARTED,
    FINETUNE: STARTED,
    r"pgpipe study status finetune": STARTED,
    r"python -m benchmarks classifier data/own": (
        f"{BENCH}_classifier.py::test_classes_are_those_of_a_prepared_set"
    ),
    r"python -m benchmarks finetune": (
        f"{BENCH}_finetune.py::test_pictures_and_networks_are_put_where_the_study_looks"
    ),
    r"dvc repro": "tests/test_pipeline.py::test_second_repro_only_looks_at_data_and_machine",
    r"dvc exp show": LOOKS,
    r"dvc (plots|metrics) show": LOOKS,
    r"pgpipe data show": LOOKS,
    r"pgpipe data list": LOOKS,
    r"pgpipe data check( --page check\.html)?": "here::test_own_images_are_looked_at",
    LOOK: "here::test_own_images_are_looked_at_first",
    r"pgpipe check( --estimate)?": LOOKS,
    r"pgpipe verify": LOOKS,
    r"pgpipe repair": LOOKS,
    r"pgpipe sync": LOOKS,
    r"pgpipe preset list": LOOKS,
    DRAWN: "here::test_a_trained_generator_is_used",
    BETWEEN: (
        "tests/drawing/test_projecting.py::"
        "test_a_walk_between_photographs_goes_along_lines_between_their_codes"
    ),
    r"pgpipe explore": (
        "tests/drawing/test_serving.py::test_the_page_is_served_and_gets_what_generate_draws"
    ),
    TEXTS: "tests/drawing/test_texts.py::test_a_text_is_drawn",
    PROJECT: "tests/drawing/test_commands.py::test_photographs_are_projected_and_walked_between",
    r"(MLFLOW_TRACKING_URI=\S+ mlflow models serve|curl) .*": (
        "tests/tracking/test_model.py::test_it_is_served_and_draws_what_generate_draws"
    ),
    r"pgpipe register (faces|NAME)( RUN)?": (
        "tests/test_pipeline.py::test_experiments_are_runs_with_curves_pictures_and_scores"
    ),
    r"pgpipe import \S+\.pkl --to generator\.safetensors": (
        "tests/drawing/test_import.py::test_an_imported_generator_draws_by_command"
    ),
    r"pgpipe import celebaHQ_s6_i80000\.pth --to generator\.safetensors": (
        "tests/drawing/test_ported.py::test_the_zoo_s_networks_draw_and_score_here_as_there"
    ),
    r"pgpipe import GAN_GEN_SHADOW_8\.pth --resolution 256 .*": (
        "tests/drawing/test_ported.py::"
        "test_a_generator_of_version_2_draws_here_as_there_at_any_size_it_grew_through"
    ),
    r"pgpipe import --network all": (
        "tests/drawing/test_import.py::test_its_discriminator_scores_as_the_official_one"
    ),
    SHOW_PRESETS: MERGES,
    TWO_PRESETS: MERGES,
    r"pgpipe preset (NAME|photos-64|paper-128|default|gan-2014)": FOLLOWS,
    r"git checkout params\.yaml": FOLLOWS,
    r"pgpipe preset NAME && dvc repro": MERGES,
    r"pgpipe preset relatives-\S+ relatives-photos && dvc repro": RELATIVES,
    r"pgpipe preset stack-stackgan stack-photos && dvc repro": STACK,
    r"pgpipe (prepare|score)": "tests/test_pipeline.py::test_leaves_page_scores_and_models",
    r"pgpipe preset quick && dvc repro": "tests/test_notebook.py::test_the_notebook_runs",
    COMMIT_OWN: "here::test_own_images_are_looked_at_first",
    r"pgpipe data compare": (
        "tests/inspection/test_prepared.py::"
        "test_one_pixel_is_found_at_every_resolution_where_it_shows"
    ),
    r"pgpipe gate --cifar10 FILE": (
        "tests/commands/test_cli_scoring.py::test_gate_of_the_inception_score"
    ),
    r"python tests/schema\.py": (
        "tests/test_parameters.py::test_the_page_of_parameters_states_them"
    ),
    r"PYTHONPATH=tests python -m documented\.reference": (
        "tests/test_site.py::test_pages_that_are_made_from_the_sources_are_of_these_sources"
    ),
    r"make site": "tests/test_site.py::test_it_is_built_strictly_and_loads_nothing_from_elsewhere",
    SCORE: "here::test_two_sets_are_scored_on_their_own",
    QUEUE: IN_A_QUEUE,
    r"dvc queue start -j 2": IN_A_QUEUE,
    ABLATION: TABLE_1,
    rf"pgpipe study (status|table|check|queue)( (NAME|{STUDIED}))?( --seeds \d)?": TABLE_1,
    r"pgpipe nets show( \S+)?": "tests/commands/test_nets.py::test_the_networks_of_a_preset",
    r"pgpipe study run( table1 --executor local -j 2)?": JOBS_GO_ON,
    r"MLFLOW_TRACKING_URI=\S+ pgpipe study run table1 --executor slurm -j 9 .*": JOBS_OF_SLURM,
    r"dvc (pull|push)": CLONE,
    r"gto register generator|dvc artifacts get /path/or/address generator .*": CLONE,
    r"dvc remote (add -d store s3://BUCKET/pgpipe|modify .*)": REMOTES,
    r"dvc (exp (push|pull) origin NAME|exp apply NAME|exp list origin|status --cloud)": REMOTES,
    r"createdb mlflow|mlflow server .*|export MLFLOW_TRACKING_URI=\S+": SHARED_STORE,
    r"dvc exp run": SHARED_STORE,
    r"pgpipe runs": LOOKS,
    r"dvc (plots diff NAME|config --unset plots\.html_template)": (
        "here::test_the_page_of_plots_has_the_quick_scores_and_needs_no_network"
    ),
    REMOTE: CLONE,
    ADD_RESULTS: CLONE,
    COMMIT_RESULTS: CLONE,
    r"pgpipe gc": LOOKS,
    r"dvc status": LOOKS,
    r"pgpipe queue": IN_A_QUEUE,
    r"dvc exp run -S train\.minibatch_stddev=false": SWITCH,
    NO_STDDEV: SWITCH,
    GO_BACK: SWITCH,
    APPLY: SWITCH,
    SELECT: SWITCH,
    PROCESSES: "here::test_several_processes_train",
    DIGITS: "here::test_stacked_digits_are_prepared",
    r"pgpipe ui": (
        "tests/tracking/test_ui.py::"
        "test_the_ui_serves_on_loopback_in_an_odd_place_and_ends_with_ctrl_c"
    ),
    r"pgpipe weights": (
        "tests/commands/test_cli_weights.py::test_own_file_is_taken_and_fetched_no_more"
    ),
    r"python -m benchmarks schedule paper-128": (
        f"{BENCH}_schedule.py::test_the_command_sums_the_phases_of_a_preset"
    ),
    r"python -m benchmarks train --small": (
        f"{BENCH}_train.py::test_the_command_measures_with_and_without"
    ),
    r"python -m benchmarks systems": (
        f"{BENCH}_train.py::test_every_system_is_timed_beside_its_plainest_writing"
    ),
    r"python -m benchmarks data": f"{BENCH}_data.py::test_the_command_measures_each_resolution",
    r"python -m benchmarks check": f"{MEASURED}::test_check_prints_both_ways_and_the_search",
    r"python -m benchmarks prepare": (
        f"{MEASURED}::test_preparation_is_printed_beside_the_plain_way"
    ),
    r"python -m benchmarks metrics": (
        f"{MEASURED}::test_it_prints_speed_agreement_and_peak_memory"
    ),
    r"dvc exp run SETTINGS prepare": "tests/test_docs.py::test_its_settings_are_valid",
    r"dvc exp run -S dataset\.held_out=0\.1": (
        "tests/stages/test_prepare.py::test_what_is_held_out_is_apart_from_all_else"
    ),
}

NOT_TRIED = {
    MAKE: "installs a virtual environment, or is this run",
    r"(make install && )?source \.venv/bin/activate": "the tests run in that environment",
    r"python -m cProfile .*": "profiles any stage",
    r"pytest --all-faults": "is make faults",
    r"srun .*": "needs Slurm",
    r"dvc repro -s( 'train@KEY')?": "warns of what it removes; tests/test_shell.py runs it",
    r"git init && .*": "is what every project of the tests begins with",
    r"dvc exp run -S score\.inception=true": "needs a network of 96 MB; tests/stages/test_score.py",
    r"dvc exp run -S dataset\.name=svhn .*": "fetches 230 MB; tests/data/sources on loopback",
    r"pgpipe preset (cifar10 && dvc repro prepare|emoji && dvc repro( prepare)?)": (
        "fetches 170 MB, or needs an extra; tests/data/sources"
    ),
    r"pgpipe preset mnist-1k-a mnist-1k && dvc repro prepare": "MNIST's files, which are no part",
}
