namespace StreamDiff.Pipeline.Control;

/// <summary>Numbers on their way to new values, from chunk to chunk. A way that is interrupted goes on from where it was.</summary>
internal sealed class NumberCourses
{
    private readonly Dictionary<string, Course> _courses = new(StringComparer.Ordinal);

    /// <summary>A change takes effect.</summary>
    /// <param name="state">As it is.</param>
    /// <param name="change">Its way, if it has one, counted in chunks.</param>
    /// <returns>The state with it; as it was where the number is on its way from now on.</returns>
    public ControlState Change(ControlState state, NumberChange change)
    {
        _courses.Remove(change.Key);
        if (change.Glide.IsNone)
            return state.With(change);
        _courses[change.Key] = new Course(change, state.Value(change), (int)change.Glide.Over.Value);
        return state;
    }

    /// <summary>A chunk begins that is denoised.</summary>
    public ControlState Next(ControlState state)
    {
        if (_courses.Count == 0)
            return state;
        foreach (var (key, course) in _courses)
        {
            course.Done++;
            var isThere = course.Done >= course.Chunks;
            var share = Glide.Eased(course.Change.Glide.Easing, (double)course.Done / course.Chunks);
            var target = course.Change.Target;
            state = state.With(course.Change.At(isThere ? target : course.From + (target - course.From) * share));
            // Removing while going through is allowed.
            if (isThere)
                _courses.Remove(key);
        }
        return state;
    }

    private sealed class Course(NumberChange change, double from, int chunks)
    {
        public NumberChange Change => change;

        public double From => from;

        public int Chunks => chunks;

        public int Done { get; set; }
    }
}
