"""The mathematics of Transformers: arrays in, arrays out, each function next to its formula.

The functions take NumPy arrays and torch tensors alike. What learns is a ``torch.nn.Module``, and
torch is imported only when one of those names is asked for. Each room hands on its names:
``from transformer_math.attention import attention, causal_mask``.

============  =====================================================================================
probability   softmax, entropy, divergences
calculus      derivatives, measured by differences and propagated by a small autograd
networks      activations, norms, recurrent cells
learning      losses, SGD to AdamW as pure update rules, learning-rate schedules, clipping
evaluation    perplexity, F1, ROC, calibration error, bias and variance
attention     scaled dot-product attention, masks, heads, one-pass softmax, latent attention
positions     sinusoidal, rotary and its stretchings, T5, ALiBi, Shaw
tokenizers    BPE, WordPiece, Unigram
transformer   GPT, Llama, BERT, T5 from one configuration; their weights
decoding      caches, sampling, beam search, speculative decoding
cost          parameters, FLOPs, bytes, seconds of real models
models        what has learned: a small GPT, a sentence encoder, counting models
data          real English and handwritten digits, offline
============  =====================================================================================
"""
