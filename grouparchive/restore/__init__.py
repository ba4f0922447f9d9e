"""Bringing a group back: from the archive folded to a moment, over a plan that a person reviews, to a rebuilt group.

    desire     what is wanted: the archive's view, as the planner's input
    planner    what will be done and what will be lost, as a value (pure)
    expand     one channel's posts as single actions, streamed (pure)
    planfile   the plan as a sealed file; journal: what was begun and what became of it
    applier    does the plan against a target, once, and resumes
    report     the rebuilt group against the archive, feature by feature
    metadata   pictures without what they tell about place, time and camera

It never contacts anyone; that is `people`. It prints nothing; that is `cli`. How the parts fit together:

    view = fold(readers, moment)                              # for a plan that is there: desire.moment_of(plan)
    timelines = ArchiveTimelines(view)
    target = platform.target(source, identify, stripping(view.blob))
    plan = make_plan(desired(view, group), target.observe(), target.performs, policy, timelines, target=name)
    planfile.save(path, plan, ...)                            # and after a person has looked at it
    with Journal(journal_path(path, plan), plan) as journal:
        apply(plan, target, journal, expect=digest, timelines=timelines, natives=natives_of(view))
        compare(plan, view, target, outcome=journal.outcome)
"""
